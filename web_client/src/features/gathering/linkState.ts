/** The client's own small enum beside page_state (joints §9): how this page is connected. Pure. */
import type { ChannelState } from '@/rtc/RoomChannel'
import type { PeerLinkState } from '@/rtc/PeerLink'

export type LinkState = 'good' | 'connecting' | 'reconnecting' | 'degraded' | 'other_device' | 'signed_out'

export interface LinkInput {
  channel: ChannelState
  closeCode: number | null
  /** null while no live picture is wanted. */
  picture: { mode: 'webrtc' | 'playlist'; link: PeerLinkState; isReconnecting: boolean } | null
}

export function linkStateOf({ channel, closeCode, picture }: LinkInput): LinkState {
  if (channel === 'refused' && closeCode === 4409) return 'other_device'
  if (channel === 'refused' && closeCode === 4401) return 'signed_out'
  if (channel === 'reconnecting' || picture?.isReconnecting === true) return 'reconnecting'
  if (picture?.mode === 'playlist') return 'degraded'
  if (channel === 'connecting' || picture?.link === 'connecting' || picture?.link === 'idle') return 'connecting'
  return 'good'
}
