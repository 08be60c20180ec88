/** The date texts of src/formatting/dates bound to the language in use. */
import { useI18n } from 'vue-i18n'
import type { Locale } from '@/api/types'
import * as dates from '@/formatting/dates'

export function useDates() {
  const { locale } = useI18n()
  const bound = (format: (instant: string | Date, locale: Locale) => string) => (instant: string | Date) => format(instant, locale.value as Locale)
  return {
    exactTime: bound(dates.exactTime),
    clockTime: bound(dates.clockTime),
    shortDay: bound(dates.shortDay),
    fullDay: bound(dates.fullDay),
    weekday: bound(dates.weekday),
    dayWithWeekday: bound(dates.dayWithWeekday),
    calendarLeaf: (instant: string | Date, now: Date) => dates.calendarLeaf(instant, now, locale.value as Locale),
  }
}
