/** What the server knows about the room, for the host: asked every two seconds while on air; ages grow in between. */
import { computed, onScopeDispose, ref, shallowRef, watch, type Ref } from 'vue'
import { readStudio } from '@/api/gatherings'
import type { StudioReport } from '@/api/types'

const pollMs = 2000

export function useStudioReport(gatheringId: string, isOnAir: Readonly<Ref<boolean>>) {
  const report = shallowRef<StudioReport | null>(null)
  const readAt = ref(0)
  const now = ref(Date.now())
  let asking = false

  async function read(): Promise<void> {
    if (asking) return
    asking = true
    try {
      report.value = await readStudio(gatheringId)
      readAt.value = Date.now()
    } catch {
      // The old numbers stay and their age grows: that is what the desk must show.
    } finally {
      asking = false
    }
  }
  const clock = setInterval(() => (now.value = Date.now()), 500)
  let poll: ReturnType<typeof setInterval> | undefined
  watch(isOnAir, (on) => {
    clearInterval(poll)
    if (!on) return
    void read()
    poll = setInterval(() => void read(), pollMs)
  }, { immediate: true })
  onScopeDispose(() => {
    clearInterval(clock)
    clearInterval(poll)
  })

  /** Age of the last durable part, with the time since we asked; null: none yet. */
  const partAgeMs = computed(() => {
    const age = report.value?.recorder?.last_part_age_ms ?? null
    return age === null ? null : age + Math.max(0, now.value - readAt.value)
  })
  const reportAgeMs = computed(() => Math.max(0, now.value - readAt.value))
  return { report, partAgeMs, reportAgeMs }
}
