/** A replay in a video element: grant, source, resume position, progress. Draws nothing. */
import { onScopeDispose, ref, shallowRef, watch, type Ref } from 'vue'
import { asApiError, type ApiError } from '@/api/errors'
import { reportReplayProgress, requestReplayGrant } from '@/api/replays'
import type { Coverage, ReplayGrant } from '@/api/types'
import { attachHls, type HlsSource } from './hlsSource'
import { toFile } from './programmeMap'
import { ProgressReporter } from './ProgressReporter'
import type { Playback } from './useMediaElement'

interface Options {
  gatheringId: string
  video: Readonly<Ref<HTMLVideoElement | null>>
  playback: Playback
  /** Programme instant to begin at ("watch what I missed"); null: where the person stopped. */
  from: () => number | null
  covered: (coverage: Coverage) => void
}

/** Resuming in the last seconds would show nothing: begin anew. */
const endMarginMs = 5000

export function useReplay({ gatheringId, video, playback, from, covered }: Options) {
  const grant = shallowRef<ReplayGrant | null>(null)
  const error = shallowRef<ApiError | null>(null)
  const broken = ref(false)
  let reporter: ProgressReporter | null = null
  let source: HlsSource | null = null
  let isClosed = false

  function startMs(given: ReplayGrant): number {
    const wanted = from()
    const asked = wanted === null ? null : toFile(given.map, wanted)
    const resumed = given.resume_position_ms < given.duration_ms - endMarginMs ? given.resume_position_ms : 0
    return asked ?? resumed
  }

  async function attach(media: HTMLVideoElement, given: ReplayGrant, atMs: number): Promise<void> {
    source?.detach()
    source = null
    const attached = await attachHls(media, given.playlist_url, {
      startMs: atMs,
      failed: (why) => {
        if (why === 'expired') void open(playback.positionMs.value)
        else broken.value = true
      },
    })
    if (isClosed) attached.detach()
    else source = attached
  }

  /** Ask for an address and play; again with `atMs` when the old address has run out. */
  async function open(atMs?: number): Promise<void> {
    error.value = null
    broken.value = false
    try {
      const given = await requestReplayGrant(gatheringId)
      const media = video.value
      if (isClosed || media === null) return
      reporter?.close()
      reporter = new ProgressReporter({
        watchId: given.watch_id,
        send: (progress, keepalive) => reportReplayProgress(gatheringId, progress, keepalive),
        playhead: () => ({ positionMs: playback.positionMs.value, rate: playback.rate.value }),
        covered,
      })
      grant.value = given
      await attach(media, given, atMs ?? startMs(given))
      void playback.play()
    } catch (thrown) {
      error.value = asApiError(thrown)
    }
  }

  const onTime = () => {
    if (video.value && !video.value.paused && !video.value.seeking) reporter?.played.advance(video.value.currentTime * 1000)
  }
  const onStop = () => {
    // A seek while playing does not pause; a real pause or the end closes the stretch and is told at once.
    if (video.value && !video.value.seeking) reporter?.played.stop(video.value.currentTime * 1000)
    void reporter?.report()
  }
  const onSeek = () => reporter?.played.seek()
  const listeners = { play: onTime, playing: onTime, seeked: onTime, timeupdate: onTime, pause: onStop, ended: onStop, seeking: onSeek } as const
  const listen = (media: HTMLVideoElement | null | undefined, how: 'addEventListener' | 'removeEventListener') => {
    for (const [name, handler] of Object.entries(listeners)) media?.[how](name, handler)
  }
  watch(video, (media, before) => {
    listen(before, 'removeEventListener')
    listen(media, 'addEventListener')
    if (media) void open()
  }, { immediate: true, flush: 'post' })

  const leave = () => {
    if (document.visibilityState === 'hidden') void reporter?.report(true)
  }
  document.addEventListener('visibilitychange', leave)
  window.addEventListener('pagehide', leave)
  onScopeDispose(() => {
    isClosed = true
    document.removeEventListener('visibilitychange', leave)
    window.removeEventListener('pagehide', leave)
    listen(video.value, 'removeEventListener')
    reporter?.close()
    source?.detach()
  })

  /** Jump to a programme instant and play. */
  function jump(programmeMs: number): void {
    const at = grant.value === null ? null : toFile(grant.value.map, programmeMs)
    if (at === null) return
    playback.seekTo(at)
    void playback.play()
  }

  return { grant, error, broken, open, jump }
}
