/** The speeds a replay plays at. The server accepts content up to twice as fast as the clock. */
export const speeds = [0.75, 1, 1.25, 1.5, 2] as const

/** The next speed up or down; the ends stay. */
export function nextSpeed(rate: number, steps: 1 | -1): number {
  const at = speeds.findIndex((speed) => speed >= rate)
  const from = at === -1 ? speeds.length - 1 : at
  return speeds[Math.min(speeds.length - 1, Math.max(0, from + steps))] ?? 1
}
