/** One gathering as its page lives with it: what the server says, the room's news, the moment it becomes a replay. */
import { computed, onScopeDispose, ref, watch, type Ref } from 'vue'
import type { Detail, PageState } from '@/api/types'
import type { Load } from '@/composables/useLoad'
import { onAirStates, silentStates } from './pageStates'
import { useProgrammeClock } from './useProgrammeClock'
import { useRoom } from './useRoom'

/** A whole audience hears the same news: their questions to the server are spread over this time. */
const reloadWithinMs = 700
const processingPollMs = 2000
const beforeStartPollMs = 30_000

export function useGathering(load: Load<Detail>, detail: Readonly<Ref<Detail>>) {
  const room = useRoom(detail.value.id)
  /** Told by the room and not yet confirmed by a fresh detail. */
  const told = ref<PageState | null>(null)
  const pageState = computed(() => told.value ?? detail.value.page_state)
  const programmeMs = useProgrammeClock(detail, room)
  const timers = new Set<ReturnType<typeof setTimeout>>()
  const later = (work: () => void, ms: number) => {
    const timer = setTimeout(() => {
      timers.delete(timer)
      work()
    }, ms)
    timers.add(timer)
  }

  async function refresh(): Promise<void> {
    await load.reload()
    if (load.error.value === null) told.value = null
  }

  room.news.on('moved', (state) => {
    told.value = state
    later(() => void refresh(), Math.random() * reloadWithinMs)
  })
  room.news.on('back', ({ isFirst }) => {
    if (!isFirst) later(() => void refresh(), Math.random() * reloadWithinMs)
  })
  if (!silentStates.has(detail.value.page_state)) room.enter()

  // The server computes some states from the clock: ask again when they may have changed.
  watch(() => [pageState.value, load.data.value] as const, ([state]) => {
    if (state === 'ended_processing') later(() => void refresh(), processingPollMs)
    else if (state === 'scheduled' || state === 'waiting') {
      const untilStart = Date.parse(detail.value.scheduled_start) - room.serverNow()
      later(() => void refresh(), untilStart > 0 ? Math.min(untilStart + 500, beforeStartPollMs) : beforeStartPollMs)
    }
  }, { immediate: true })
  onScopeDispose(() => timers.forEach((timer) => clearTimeout(timer)))

  const isOnAir = computed(() => onAirStates.has(pageState.value))
  return {
    room, pageState, programmeMs, refresh, isOnAir,
    isMediaExpected: computed(() => pageState.value === 'live' && room.isPublished.value !== false),
    isRecording: computed(() => isOnAir.value && (room.isRecording.value ?? detail.value.recording.state === 'recording')),
  }
}
export type GatheringLife = ReturnType<typeof useGathering>
