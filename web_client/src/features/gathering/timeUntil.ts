/** A span as the two or three largest units that matter. Pure. */
export interface TimePart { unit: 'days' | 'hours' | 'minutes' | 'seconds'; value: string }

export function timeUntil(ms: number): TimePart[] {
  const seconds = Math.max(0, Math.ceil(ms / 1000))
  const days = Math.floor(seconds / 86_400)
  const hours = Math.floor((seconds % 86_400) / 3600)
  const minutes = Math.floor((seconds % 3600) / 60)
  const two = (value: number) => String(value).padStart(2, '0')
  if (days > 0) return [{ unit: 'days', value: String(days) }, { unit: 'hours', value: String(hours) }]
  const rest: TimePart[] = [{ unit: 'minutes', value: two(minutes) }, { unit: 'seconds', value: two(seconds % 60) }]
  return hours > 0 ? [{ unit: 'hours', value: String(hours) }, ...rest] : rest
}
