/**
 * What this browser can do with media, as far as it tells: asked, never tried. Opens nothing.
 */
import { hasWebRtc } from './environment'

export interface BrowserCapabilities {
  readonly isSecure: boolean
  readonly hasWebRtc: boolean
  /** Names such as H264, VP8, without helpers such as rtx; null: the browser does not tell. */
  readonly sends: readonly string[] | null
  readonly receives: readonly string[] | null
  /** The playlist of a recorded lecture: H264 with AAC in fragmented MP4. */
  readonly playsPlaylist: boolean
}

const HELPERS = new Set(['rtx', 'red', 'ulpfec', 'flexfec-03'])
const PLAYLIST_TYPE = 'video/mp4; codecs="avc1.42E01F,mp4a.40.2"'

/** Video codecs by name, each once, in the browser's order. */
export function codecNames(capabilities: { codecs: readonly { mimeType: string }[] } | null): string[] | null {
  if (capabilities === null) {
    return null
  }
  const names = capabilities.codecs.map(({ mimeType }) => mimeType.replace(/^video\//i, ''))
  return [...new Set(names.filter((name) => !HELPERS.has(name.toLowerCase())))]
}

export function browserCapabilities(): BrowserCapabilities {
  const tells = hasWebRtc() && typeof RTCRtpSender.getCapabilities === 'function'
  return {
    isSecure: globalThis.isSecureContext,
    hasWebRtc: hasWebRtc(),
    sends: tells ? codecNames(RTCRtpSender.getCapabilities('video')) : null,
    receives: tells ? codecNames(RTCRtpReceiver.getCapabilities('video')) : null,
    playsPlaylist: playsPlaylist(),
  }
}

function playsPlaylist(): boolean {
  const sources = globalThis as unknown as { MediaSource?: typeof MediaSource; ManagedMediaSource?: typeof MediaSource }
  const source = sources.ManagedMediaSource ?? sources.MediaSource
  return source?.isTypeSupported(PLAYLIST_TYPE) === true || document.createElement('video').canPlayType('application/vnd.apple.mpegurl') !== ''
}
