/** Who can open what was refused: a 403 names host and organisation in its member `ask`. */
import { computed, type ShallowRef } from 'vue'
import { useI18n } from 'vue-i18n'
import type { ApiError } from '@/api/errors'

export function useWhoToAsk(error: ShallowRef<ApiError | null>) {
  const { t } = useI18n()
  return computed(() => {
    const ask = error.value?.problem['ask']
    if (typeof ask !== 'object' || ask === null) return null
    const { organisation, host } = ask as Record<string, unknown>
    const names = [host, organisation].filter((name) => typeof name === 'string' && name !== '')
    return names.length > 0 ? t('states.forbidden.ask', { names: names.join(t('words.list_comma')) }) : null
  })
}
