/** One WHIP publication as reactive state: camera with microphone, or the screen. */
import { onScopeDispose, ref, shallowRef } from 'vue'
import { grantOf } from '@/features/player/useLivePlayback'
import type { SignalingReason } from '@/rtc/errors'
import type { PeerLinkState } from '@/rtc/PeerLink'
import type { WantedLayers } from '@/rtc/SimulcastLayers'
import type { OutboundSummary } from '@/rtc/StatsSummary'
import type { RoomCodec } from '@/rtc/VideoCodecs'
import { WhipPublisher, type PublishedSource, type PublishedTracks } from '@/rtc/WhipPublisher'

export function usePublication(gatheringId: string, source: PublishedSource, codec: RoomCodec) {
  const state = ref<PeerLinkState>('idle')
  const reason = ref<SignalingReason | null>(null)
  const stats = shallowRef<OutboundSummary | null>(null)
  let publisher: WhipPublisher | null = null

  function start(tracks: PublishedTracks): void {
    stop()
    const fresh = new WhipPublisher({ source, codec, grant: (signal) => grantOf(signal, gatheringId, 'publish', source) })
    fresh.events.on('state', (change) => {
      state.value = change.state
      reason.value = change.reason
    })
    fresh.events.on('stats', (summary) => (stats.value = summary))
    publisher = fresh
    fresh.start(tracks)
  }

  function stop(isSessionGone = false): void {
    publisher?.close(isSessionGone)
    publisher = null
    state.value = 'idle'
    reason.value = null
    stats.value = null
  }
  onScopeDispose(() => stop())

  return {
    state, reason, stats, start, stop,
    replace: (kind: 'video' | 'audio', track: MediaStreamTrack | null) => publisher?.replaceTrack(kind, track),
    setWantedLayers: (wanted: WantedLayers) => publisher?.setWantedLayers(wanted),
    takeBack: () => publisher?.takeBack(),
    kick: () => publisher?.kick(),
    renew: (mediaEpoch: string) => publisher?.renew(mediaEpoch),
  }
}
export type Publication = ReturnType<typeof usePublication>
