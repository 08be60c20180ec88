/**
 * What src/rtc needs of a browser, injected so that tests run without one.
 * The interfaces are the smallest part of the W3C ones that we use; a real
 * RTCPeerConnection satisfies them as it is.
 */
export interface PeerConnection {
  readonly connectionState: RTCPeerConnectionState
  readonly localDescription: { readonly sdp: string } | null
  createOffer(options?: RTCOfferOptions): Promise<RTCSessionDescriptionInit>
  setLocalDescription(description?: RTCLocalSessionDescriptionInit): Promise<void>
  setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void>
  setConfiguration(configuration?: RTCConfiguration): void
  addTransceiver(
    trackOrKind: MediaStreamTrack | string,
    init?: RTCRtpTransceiverInit,
  ): RTCRtpTransceiver
  getStats(): Promise<RTCStatsReport>
  addEventListener(type: string, listener: (event: Event) => void): void
  close(): void
}

export interface RtcEnvironment {
  createPeerConnection(configuration: RTCConfiguration): PeerConnection
  fetch(input: string, init: RequestInit): Promise<Response>
  /** 0 ≤ value < 1. */
  random(): number
  /** Monotonic milliseconds. */
  now(): number
}

export function browserEnvironment(): RtcEnvironment {
  return {
    createPeerConnection: (configuration) => new RTCPeerConnection(configuration),
    fetch: (input, init) => fetch(input, init),
    random: Math.random,
    now: () => performance.now(),
  }
}

export function hasWebRtc(): boolean {
  return typeof RTCPeerConnection === 'function'
}
