/** The key of this gathering for OBS and ffmpeg: fetched when it is wanted, renewed when it leaked. Kept nowhere. */
import { ref, shallowRef } from 'vue'
import { asApiError, type ApiError } from '@/api/errors'
import { renewStreamKey, requestStreamKey } from '@/api/gatherings'
import type { StreamKey } from '@/api/types'

export function useStreamKey(gatheringId: string) {
  const key = shallowRef<StreamKey | null>(null)
  const error = shallowRef<ApiError | null>(null)
  const busy = ref(false)

  async function take(read: (id: string) => Promise<StreamKey>): Promise<void> {
    if (busy.value) return
    busy.value = true
    error.value = null
    try {
      key.value = await read(gatheringId)
    } catch (thrown) {
      error.value = asApiError(thrown)
    } finally {
      busy.value = false
    }
  }
  return { key, error, busy, fetch: () => take(requestStreamKey), renew: () => take(renewStreamKey) }
}
