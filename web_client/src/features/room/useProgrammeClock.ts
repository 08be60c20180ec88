/** The programme clock (joints §7) as this page shows it: set by the server, ticking here in between. */
import { computed, onScopeDispose, ref, watch, type Ref } from 'vue'
import type { Detail } from '@/api/types'
import type { Room, RoomClock } from './useRoom'

/** Programme milliseconds at a server instant. */
export function programmeAt(clock: RoomClock, serverMs: number): number {
  return clock.programmeMs + (clock.running ? Math.max(0, serverMs - clock.serverMs) : 0)
}

export function useProgrammeClock(detail: Readonly<Ref<Detail | null>>, room: Room) {
  const known = ref<RoomClock | null>(null)
  const serverMs = ref(room.serverNow())
  const take = (fresh: RoomClock) => {
    if (known.value === null || fresh.serverMs >= known.value.serverMs) known.value = fresh
  }
  watch(detail, (read) => {
    if (read) take({ programmeMs: read.programme.ms, running: read.programme.running, serverMs: Date.parse(read.programme.as_of) })
  }, { immediate: true })
  watch(room.clock, (told) => {
    if (told) take(told)
  }, { immediate: true })
  const timer = setInterval(() => (serverMs.value = room.serverNow()), 500)
  onScopeDispose(() => clearInterval(timer))
  return computed(() => (known.value === null ? 0 : programmeAt(known.value, serverMs.value)))
}
