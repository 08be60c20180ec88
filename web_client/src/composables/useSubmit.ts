/** Sending a form: one at a time, its error kept until the next attempt, field problems by field name. */
import { computed, ref, shallowRef } from 'vue'
import { useI18n } from 'vue-i18n'
import { type ApiError, asApiError } from '@/api/errors'

export function useSubmit() {
  const { t, te } = useI18n()
  const busy = ref(false)
  const error = shallowRef<ApiError | null>(null)

  const fieldErrors = computed(() => {
    const byField: Record<string, string> = {}
    for (const problem of error.value?.fields ?? []) {
      const named = `errors.field.${problem.code}`
      byField[problem.field] ??= t(te(named, 'zh-CN') ? named : 'errors.field.invalid')
    }
    return byField
  })

  /** Runs `work` unless it is running; true when it succeeded. */
  async function submit(work: () => Promise<void>): Promise<boolean> {
    if (busy.value) return false
    busy.value = true
    error.value = null
    try {
      await work()
      return true
    } catch (thrown) {
      error.value = asApiError(thrown)
      return false
    } finally {
      busy.value = false
    }
  }

  return { busy, error, fieldErrors, submit }
}
