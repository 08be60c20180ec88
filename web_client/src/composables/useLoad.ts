/** Loading a page's data: one promise at a time, the last one wins, skeletons only after 300 ms. */
import { onScopeDispose, ref, shallowRef, type Ref, type ShallowRef } from 'vue'
import { type ApiError, asApiError } from '@/api/errors'

export const skeletonDelayMs = 300

export interface Load<T> {
  data: ShallowRef<T | null>
  error: ShallowRef<ApiError | null>
  loading: Ref<boolean>
  /** Loading for longer than 300 ms with nothing to show yet. */
  slow: Ref<boolean>
  reload: () => Promise<void>
}

export function useLoad<T>(read: () => Promise<T>): Load<T> {
  const data = shallowRef<T | null>(null)
  const error = shallowRef<ApiError | null>(null)
  const loading = ref(false)
  const slow = ref(false)
  let turn = 0
  let timer: ReturnType<typeof setTimeout> | undefined

  async function reload(): Promise<void> {
    const mine = ++turn
    loading.value = true
    clearTimeout(timer)
    timer = setTimeout(() => (slow.value = data.value === null), skeletonDelayMs)
    try {
      const fresh = await read()
      if (mine !== turn) return
      data.value = fresh
      error.value = null
    } catch (thrown) {
      if (mine !== turn) return
      error.value = asApiError(thrown)
    } finally {
      if (mine === turn) {
        clearTimeout(timer)
        loading.value = false
        slow.value = false
      }
    }
  }

  onScopeDispose(() => {
    turn += 1
    clearTimeout(timer)
  })
  void reload()
  return { data, error, loading, slow, reload }
}
