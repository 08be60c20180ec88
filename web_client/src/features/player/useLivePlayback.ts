/**
 * The live picture in a video element: WHEP first, the growing HLS playlist when there is no WebRTC or no frame came
 * in 5 s. Reconnects by itself; the room's news make it quicker. Draws nothing.
 */
import { computed, onScopeDispose, ref, watch, type Ref } from 'vue'
import { asApiError } from '@/api/errors'
import { requestMediaGrant } from '@/api/gatherings'
import { requestReplayGrant } from '@/api/replays'
import { hasWebRtc } from '@/rtc/environment'
import { SignalingError } from '@/rtc/errors'
import type { PeerLinkState } from '@/rtc/PeerLink'
import { WhepPlayer } from '@/rtc/WhepPlayer'
import type { MediaGrant } from '@/rtc/SdpExchange'
import { attachHls, type HlsSource } from './hlsSource'
import type { Playback } from './useMediaElement'

export const firstFrameWithinMs = 5000
/** A room that is not recorded never gets a playlist: ask less and less often. */
const playlistRetryMs = [3000, 6000, 12_000, 30_000] as const
/** So long without any picture somebody should be told. */
const stuckAfterMs = 15_000
/** So long the picture may be away although the server is there, before the network is held unfit for it. */
const pathBrokenAfterMs = 8000

interface Options {
  gatheringId: string
  video: Readonly<Ref<HTMLVideoElement | null>>
  playback: Playback
  /** False while nobody publishes: then no frame is nobody's fault. */
  isMediaExpected: Readonly<Ref<boolean>>
  /** The room channel is there: the server can be reached, whatever happens to the picture. */
  isRoomOpen: Readonly<Ref<boolean>>
  /** Asked when the player goes: whether the server has closed its session by itself (the lecture is over). */
  isSessionGone: () => boolean
}

/** The API's answer as src/rtc understands it. */
export async function grantOf(signal: AbortSignal, gatheringId: string, purpose: 'watch' | 'publish', source: 'camera' | 'screen' = 'camera'): Promise<MediaGrant> {
  try {
    return await requestMediaGrant(gatheringId, purpose, source, signal)
  } catch (thrown) {
    const error = asApiError(thrown)
    const retryAfterMs = error.retryAfter === null ? null : error.retryAfter * 1000
    if (error.status === 0) throw new SignalingError('network', null, null, { cause: thrown })
    if (error.code === 'not_on_air') throw new SignalingError('not_on_air', error.code)
    if (error.status === 503) throw new SignalingError('busy', error.code, retryAfterMs)
    throw new SignalingError(error.status >= 500 ? 'server' : 'forbidden', error.code)
  }
}

export function useLivePlayback({ gatheringId, video, playback, isMediaExpected, isRoomOpen, isSessionGone }: Options) {
  const mode = ref<'webrtc' | 'playlist'>('webrtc')
  const linkState = ref<PeerLinkState>('idle')
  const hasPicture = ref(false)
  const stalled = ref(false)
  const delayMs = ref<number | null>(null)
  let player: WhepPlayer | null = null
  let playlist: HlsSource | null = null
  let noFrameTimer: ReturnType<typeof setTimeout> | undefined
  let playlistTimer: ReturnType<typeof setTimeout> | undefined
  let playlistAttempts = 0
  let isClosed = false
  /** Asked anew after every await. */
  const isOver = () => isClosed
  const needsPlaylist = () => !isClosed && !hasPicture.value

  function startWebRtc(media: HTMLVideoElement): void {
    const fresh = new WhepPlayer({ grant: (signal) => grantOf(signal, gatheringId, 'watch') })
    fresh.events.on('state', ({ state }) => (linkState.value = state))
    fresh.events.on('firstFrame', () => {
      hasPicture.value = true
      clearTimeout(noFrameTimer)
      if (mode.value === 'playlist') leavePlaylist()
    })
    fresh.events.on('slot', () => void playback.play())
    fresh.events.on('flow', (flow) => (stalled.value = flow === 'stalled'))
    fresh.events.on('stats', (stats) => {
      delayMs.value = stats.bufferMs === null ? null : stats.bufferMs + (stats.roundTripMs ?? 0) / 2
    })
    fresh.setMediaExpected(isMediaExpected.value)
    fresh.attach(media)
    fresh.start()
    player = fresh
    watchFirstFrame()
  }

  function watchFirstFrame(): void {
    clearTimeout(noFrameTimer)
    if (!hasPicture.value && isMediaExpected.value && mode.value === 'webrtc') noFrameTimer = setTimeout(() => void fallBack(), firstFrameWithinMs)
  }

  async function fallBack(): Promise<void> {
    const media = video.value
    if (!needsPlaylist() || media === null) return
    try {
      const grant = await requestReplayGrant(gatheringId)
      // Another await: the picture may have come meanwhile.
      if (!needsPlaylist()) return
      stopWebRtc()
      mode.value = 'playlist'
      playlistAttempts = 0
      media.srcObject = null
      playlist = await attachHls(media, grant.playlist_url, { failed: retryPlaylist })
      if (isOver()) playlist.detach()
      media.addEventListener('loadeddata', () => (hasPicture.value = true), { once: true })
      void playback.play()
    } catch {
      retryPlaylist()
    }
  }

  /** Not recorded, not there yet, or lost: ask again; a player that was given up for the playlist gets another chance first. */
  function retryPlaylist(): void {
    clearTimeout(playlistTimer)
    if (isClosed) return
    if (mode.value === 'playlist' && hasWebRtc()) {
      useWebRtcAgain()
      return
    }
    if (mode.value === 'playlist') {
      // What it showed stands still: the next picture is a first one again.
      hasPicture.value = false
      leavePlaylist()
    }
    playlistTimer = setTimeout(() => void fallBack(), playlistRetryMs[Math.min(playlistAttempts, playlistRetryMs.length - 1)])
    playlistAttempts += 1
  }

  function leavePlaylist(): void {
    playlist?.detach()
    playlist = null
    clearTimeout(playlistTimer)
    mode.value = 'webrtc'
  }

  function stopWebRtc(isGone = false): void {
    player?.close(isGone)
    player = null
    clearTimeout(noFrameTimer)
  }

  /** From the playlist back to the quick way. */
  function useWebRtcAgain(): void {
    const media = video.value
    if (media === null || !hasWebRtc()) return
    leavePlaylist()
    stopWebRtc()
    hasPicture.value = false
    startWebRtc(media)
  }

  watch(video, (media) => {
    if (media === null) return
    if (hasWebRtc()) startWebRtc(media)
    else void fallBack()
  }, { immediate: true, flush: 'post' })
  watch(isMediaExpected, (isExpected) => {
    player?.setMediaExpected(isExpected)
    if (isExpected) player?.kick()
    watchFirstFrame()
  })
  const isReconnecting = computed(() => mode.value === 'webrtc' && (linkState.value === 'reconnecting' || (stalled.value && isMediaExpected.value)))
  let pathTimer: ReturnType<typeof setTimeout> | undefined
  watch(() => isReconnecting.value && isRoomOpen.value && isMediaExpected.value, (isBroken) => {
    clearTimeout(pathTimer)
    if (!isBroken) return
    pathTimer = setTimeout(() => {
      hasPicture.value = false
      void fallBack()
    }, pathBrokenAfterMs)
  })
  const isStuck = ref(false)
  let stuckTimer: ReturnType<typeof setTimeout> | undefined
  watch(() => isMediaExpected.value && !hasPicture.value, (isWaiting) => {
    clearTimeout(stuckTimer)
    isStuck.value = false
    if (isWaiting) stuckTimer = setTimeout(() => (isStuck.value = true), stuckAfterMs)
  }, { immediate: true })
  onScopeDispose(() => {
    isClosed = true
    clearTimeout(stuckTimer)
    clearTimeout(pathTimer)
    stopWebRtc(isSessionGone())
    leavePlaylist()
  })

  return {
    mode, linkState, hasPicture, delayMs, isReconnecting, isStuck, useWebRtcAgain,
    /** The room channel is back: the network is, too. */
    kick: () => player?.kick(),
    renew: (mediaEpoch: string) => player?.renew(mediaEpoch),
  }
}
export type LivePlayback = ReturnType<typeof useLivePlayback>
