/** The lecturer's desk: capture, publications, host actions, and coming back by itself after anything breaks. */
import { computed, onScopeDispose, ref, watch, type Ref } from 'vue'
import { act, type HostAction } from '@/api/gatherings'
import { asApiError, type ApiError } from '@/api/errors'
import type { Detail } from '@/api/types'
import type { Load } from '@/composables/useLoad'
import { useGathering } from '@/features/room/useGathering'
import { useCapture } from './useCapture'
import { usePublication } from './usePublication'
import { useScreen } from './useScreen'
import { useStudioReport } from './useStudioReport'

/** browser: camera and microphone of this page. software: OBS or ffmpeg, with a stream key. */
export type SendsFrom = 'browser' | 'software'
export type Phase = 'draft' | 'before' | 'rejoin' | 'on_air' | 'ended' | 'over'

/** How long after End the lecture can be taken up again (joints §7). */
export const resumeWithinMs = 10 * 60_000
const onAirKey = 'zhijian.on_air'
const sendsFromKey = 'zhijian.sends_from'

export function useStudio(load: Load<Detail>, detail: Readonly<Ref<Detail>>) {
  const { id, records } = detail.value
  const life = useGathering(load, detail)
  const capture = useCapture()
  const codec = records ? 'H264' : 'VP8'
  const camera = usePublication(id, 'camera', codec)
  const screenPublication = usePublication(id, 'screen', codec)
  const screen = useScreen(screenPublication)
  /** This page is the one on air, or wants to be. */
  const joined = ref(false)
  const sendsFrom = ref<SendsFrom>('browser')
  const acting = ref<HostAction | null>(null)
  const actionError = ref<ApiError | null>(null)
  const report = useStudioReport(id, life.isOnAir)

  const phase = computed<Phase>(() => {
    const state = life.pageState.value
    if (state === 'draft') return 'draft'
    if (state === 'scheduled' || state === 'waiting') return 'before'
    if (life.isOnAir.value) return joined.value ? 'on_air' : 'rejoin'
    return state === 'cancelled' || state === 'not_held' || state === 'not_authorised' ? 'over' : 'ended'
  })

  async function doAct(action: HostAction): Promise<boolean> {
    if (acting.value !== null) return false
    acting.value = action
    actionError.value = null
    try {
      await act(id, action)
      await life.refresh()
      return true
    } catch (thrown) {
      actionError.value = asApiError(thrown)
      return false
    } finally {
      acting.value = null
    }
  }

  function publish(from: SendsFrom): void {
    joined.value = true
    sendsFrom.value = from
    sessionStorage.setItem(onAirKey, id)
    sessionStorage.setItem(sendsFromKey, from)
    if (from === 'software') {
      // Its camera is free for the other program, and nothing of ours fights for the place.
      camera.stop()
      capture.close()
      return
    }
    const tracks = capture.media.value
    camera.start({ video: tracks?.getVideoTracks()[0] ?? null, audio: tracks?.getAudioTracks()[0] ?? null })
  }

  /** Start, go on after a reload, or resume: what this page sends must be there first. */
  async function goOnAir(action: 'start' | 'resume' | null, from: SendsFrom = 'browser'): Promise<void> {
    if (from === 'browser' && capture.media.value === null && !(await capture.open())) return
    if (action === null || (await doAct(action))) publish(from)
  }

  function leaveAir(): void {
    joined.value = false
    sessionStorage.removeItem(onAirKey)
    // Only after End: the server has closed the room.
    screen.unshare(true)
    camera.stop(true)
  }

  async function end(): Promise<boolean> {
    const done = await doAct('end')
    if (done) leaveAir()
    return done
  }

  // Ended from elsewhere (automatic End, another host): the desk follows.
  watch(() => life.isOnAir.value, (on, was) => {
    if (was && !on) leaveAir()
  })
  watch(() => life.pageState.value, (state) => capture.pause(state === 'on_break'))
  capture.news.on('replaced', ({ kind, track }) => void camera.replace(kind, track))
  life.room.news.on('back', ({ mediaEpoch }) => {
    for (const publication of [camera, screenPublication]) {
      publication.renew(mediaEpoch)
      publication.kick()
    }
  })
  life.room.news.on('layers', (wanted) => {
    camera.setWantedLayers(wanted)
    screenPublication.setWantedLayers(wanted)
  })
  life.room.news.on('mediaEpoch', (mediaEpoch) => {
    camera.renew(mediaEpoch)
    screenPublication.renew(mediaEpoch)
  })

  const warn = (event: BeforeUnloadEvent) => {
    if (joined.value) event.preventDefault()
  }
  // The capture dies with the page: the server should know at once and not after its time-out.
  const part = () => {
    camera.stop()
    screenPublication.stop()
  }
  window.addEventListener('beforeunload', warn)
  window.addEventListener('pagehide', part)
  onScopeDispose(() => {
    window.removeEventListener('beforeunload', warn)
    window.removeEventListener('pagehide', part)
  })

  /** After a reload in mid-lecture: straight back, without a question the browser does not ask. */
  async function enter(): Promise<void> {
    const wasHere = sessionStorage.getItem(onAirKey) === id
    if (phase.value === 'rejoin' && wasHere) await goOnAir(null, sessionStorage.getItem(sendsFromKey) === 'software' ? 'software' : 'browser')
    else if (phase.value === 'before' || phase.value === 'rejoin') await capture.open()
  }

  return { life, capture, camera, screen, screenPublication, phase, joined, sendsFrom, acting, actionError, report, doAct, goOnAir, end, enter }
}
export type StudioDesk = ReturnType<typeof useStudio>
