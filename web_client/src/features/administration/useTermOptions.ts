import { useI18n } from 'vue-i18n'

/** Options of a select for an enumeration, labelled from the terms. */
export function useTermOptions() {
  const { t } = useI18n()
  return (group: string, values: readonly string[]) => values.map((value) => ({ value, label: t(`terms.${group}.${value}`) }))
}
