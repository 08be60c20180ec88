/** Durations, learning hours and shares as text without units: words belong to the i18n files. */

const two = (value: number) => String(value).padStart(2, '0')

/** 12:04, or 1:02:03 from an hour on. */
export function playTime(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${two(minutes)}:${two(seconds % 60)}`
}

/** 00:23:41, for the time on air. */
export function airTime(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor((seconds % 3600) / 60))}:${two(seconds % 60)}`
}

/** Whole minutes; anything that began counts as one, so that five seconds never read as nothing. */
export const wholeMinutes = (ms: number) => (ms <= 0 ? 0 : Math.max(1, Math.round(ms / 60_000)))

/** Learning hours from hundredths: 25 → 0.25, 100 → 1, 650 → 6.5. */
export const learningHours = (hundredths: number) => String(hundredths / 100)

/** Whole percent from hundredths of a percent; never rounded up to a threshold that was not reached. */
export const wholePercent = (hundredths: number) => `${Math.floor(hundredths / 100)}%`

/** Bits a second as 2.4 Mbit/s or 640 kbit/s. */
export const bitrate = (bps: number) => (bps >= 1_000_000 ? `${(bps / 1_000_000).toFixed(1)} Mbit/s` : `${Math.round(bps / 1000)} kbit/s`)
