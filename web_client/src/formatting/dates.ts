/** Instants as people at the university read them: always Asia/Shanghai, whatever the device says. */
import type { Locale } from '@/api/types'

export const timeZone = 'Asia/Shanghai'
/** Shanghai keeps one offset all year, so a wall time there converts by plain arithmetic. */
const offsetMs = 8 * 3_600_000

const cache = new Map<string, Intl.DateTimeFormat>()
function formatter(locale: Locale, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale}${JSON.stringify(options)}`
  const known = cache.get(key) ?? new Intl.DateTimeFormat(locale === 'en' ? 'en-GB' : 'zh-CN', { timeZone, ...options })
  cache.set(key, known)
  return known
}

const put = (instant: string | Date, locale: Locale, options: Intl.DateTimeFormatOptions) => formatter(locale, options).format(new Date(instant))

/** 19:05 */
export const clockTime = (instant: string | Date, locale: Locale) => put(instant, locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
/** 19:05:09 */
export const exactTime = (instant: string | Date, locale: Locale) => put(instant, locale, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })
/** 11月23日 · 23 Nov */
export const shortDay = (instant: string | Date, locale: Locale) => put(instant, locale, { month: locale === 'en' ? 'short' : 'long', day: 'numeric' })
/** 周一 · Mon */
export const weekday = (instant: string | Date, locale: Locale) => put(instant, locale, { weekday: 'short' })
/** 2026年11月23日 · 23 November 2026 */
export const fullDay = (instant: string | Date, locale: Locale) => put(instant, locale, { year: 'numeric', month: 'long', day: 'numeric' })
/** 11月23日 周一 · Mon 23 Nov */
export const dayWithWeekday = (instant: string | Date, locale: Locale) =>
  locale === 'en' ? `${weekday(instant, locale)} ${shortDay(instant, locale)}` : `${shortDay(instant, locale)} ${weekday(instant, locale)}`
/** 十一月 · Nov */
export const monthName = (instant: string | Date, locale: Locale) => {
  if (locale === 'en') return put(instant, locale, { month: 'short' })
  return `${['一', '二', '三', '四', '五', '六', '七', '八', '九', '十', '十一', '十二'][shanghai(instant).getUTCMonth()] ?? ''}月`
}

/** The same wall-clock fields, readable through the UTC getters. */
function shanghai(instant: string | Date): Date {
  return new Date(new Date(instant).getTime() + offsetMs)
}

/** YYYY-MM-DD in Shanghai. */
export const dayKey = (instant: string | Date) => shanghai(instant).toISOString().slice(0, 10)
export const yearOf = (instant: string | Date) => shanghai(instant).getUTCFullYear()
export const isSameDay = (one: string | Date, other: string | Date) => dayKey(one) === dayKey(other)

/** 两位日期 for a calendar leaf: the day, and below it the weekday within a week, else the month. */
export function calendarLeaf(instant: string | Date, now: Date, locale: Locale): { day: string; below: string } {
  const day = dayKey(instant).slice(8)
  const ahead = new Date(instant).getTime() - now.getTime()
  return { day, below: ahead < 6 * 86_400_000 ? weekday(instant, locale) : monthName(instant, locale) }
}

/** What `<input type="datetime-local">` holds ↔ an instant, both read as Shanghai time. */
export const toLocalInput = (instant: string) => shanghai(instant).toISOString().slice(0, 16)
export function fromLocalInput(value: string): string | null {
  const wall = Date.parse(`${value}:00Z`)
  // Engines make up a date for a text that is none: ask for the form first.
  return !/^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(value) || Number.isNaN(wall) ? null : new Date(wall - offsetMs).toISOString().replace('.000Z', 'Z')
}
