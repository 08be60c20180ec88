/**
 * A peer connection without a browser, driven by tests: it makes offers with
 * fresh ICE credentials and changes state when told. Checked against the
 * interface the real one satisfies.
 */
import type { PeerConnection } from './environment'

export class FakePeerConnection implements PeerConnection {
  static created: FakePeerConnection[] = []

  connectionState: RTCPeerConnectionState = 'new'
  localDescription: { sdp: string } | null = null
  readonly remoteDescriptions: string[] = []
  readonly transceivers: { kind: string; init: RTCRtpTransceiverInit | undefined }[] = []
  readonly stats = new Map<string, Record<string, unknown>>()
  isClosed = false
  firstTransceiver: RTCRtpTransceiver | null = null
  private readonly listeners = new Map<string, ((event: Event) => void)[]>()
  private offers = 0

  /** The servers known when gathering began. */
  gatheredWith: RTCIceServer[] | null = null

  constructor(readonly configuration: RTCConfiguration) {
    FakePeerConnection.created.push(this)
  }

  static get last(): FakePeerConnection {
    const connection = FakePeerConnection.created.at(-1)
    if (connection === undefined) {
      throw new Error('no peer connection was created')
    }
    return connection
  }

  createOffer(): Promise<RTCSessionDescriptionInit> {
    this.offers += 1
    const sdp = [
      'v=0',
      'a=group:BUNDLE 0',
      'm=video 9 UDP/TLS/RTP/SAVPF 96',
      'c=IN IP4 0.0.0.0',
      'a=mid:0',
      `a=ice-ufrag:local${String(this.offers)}`,
      `a=ice-pwd:secret${String(this.offers)}`,
      '',
    ].join('\r\n')
    return Promise.resolve({ type: 'offer', sdp })
  }

  setLocalDescription(description?: RTCLocalSessionDescriptionInit): Promise<void> {
    this.gatheredWith ??= [...(this.configuration.iceServers ?? [])]
    this.localDescription = { sdp: description?.sdp ?? '' }
    return Promise.resolve()
  }

  setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
    this.remoteDescriptions.push(description.sdp ?? '')
    return Promise.resolve()
  }

  setConfiguration(configuration?: RTCConfiguration): void {
    Object.assign(this.configuration, configuration)
  }

  addTransceiver(trackOrKind: MediaStreamTrack | string, init?: RTCRtpTransceiverInit): RTCRtpTransceiver {
    const kind = typeof trackOrKind === 'string' ? trackOrKind : trackOrKind.kind
    this.transceivers.push({ kind, init })
    let parameters: Pick<RTCRtpSendParameters, 'encodings'> = { encodings: init?.sendEncodings ?? [{}] }
    const sender = {
      getParameters: () => structuredClone(parameters),
      setParameters: (given: typeof parameters) => {
        parameters = structuredClone(given)
        return Promise.resolve()
      },
      replaceTrack: () => Promise.resolve(),
    }
    const transceiver = { sender, receiver: {} } as unknown as RTCRtpTransceiver
    this.firstTransceiver ??= transceiver
    return transceiver
  }

  getStats(): Promise<RTCStatsReport> {
    return Promise.resolve(this.stats as unknown as RTCStatsReport)
  }

  addEventListener(type: string, listener: (event: Event) => void): void {
    this.listeners.set(type, [...(this.listeners.get(type) ?? []), listener])
  }

  close(): void {
    this.isClosed = true
    this.connectionState = 'closed'
  }

  /** For tests: become `state` and say so. */
  become(state: RTCPeerConnectionState): void {
    this.connectionState = state
    this.dispatch(new Event('connectionstatechange'))
  }

  dispatch(event: Event): void {
    for (const listener of this.listeners.get(event.type) ?? []) {
      listener(event)
    }
  }
}
