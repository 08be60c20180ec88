/** Sending a form: one at a time, its error kept until the next attempt, field problems by field name. */
import { computed, ref, shallowRef } from 'vue'
import { useI18n } from 'vue-i18n'
import { type ApiError, asApiError } from '@/api/errors'

/** Codes that speak of one field: shown there, not above the form. */
export const fieldOfCode: Readonly<Record<string, string>> = {
  person_no_taken: 'person_no',
  password_too_weak: 'new',
  organisation_code_taken: 'code',
  organisation_cycle: 'parent_id',
  not_a_home_branch: 'organisation_id',
  column_title_taken: 'title',
  bad_schedule: 'scheduled_end',
}

export function useSubmit() {
  const { t, te } = useI18n()
  const busy = ref(false)
  /** The last attempt succeeded; false again once another begins. */
  const done = ref(false)
  const error = shallowRef<ApiError | null>(null)

  const fieldErrors = computed(() => {
    const byField: Record<string, string> = {}
    const only = fieldOfCode[error.value?.code ?? '']
    if (only !== undefined) byField[only] = t(`errors.${error.value?.code ?? ''}`)
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
    done.value = false
    try {
      await work()
      done.value = true
      return true
    } catch (thrown) {
      error.value = asApiError(thrown)
      return false
    } finally {
      busy.value = false
    }
  }

  return { busy, done, error, fieldErrors, submit }
}
