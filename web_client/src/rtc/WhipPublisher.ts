/**
 * Publishes one source (camera with microphone, or screen) by WHIP and keeps
 * it published through network loss and server restart with the same capture.
 * It never asks for a device: tracks come in and go on living when it closes.
 */
import { browserEnvironment, type PeerConnection, type RtcEnvironment } from './environment'
import { Emitter } from './Emitter'
import { PeerLink, type PeerLinkEvents } from './PeerLink'
import type { MediaGrant } from './SdpExchange'
import { activate, layersOf, type WantedLayers } from './SimulcastLayers'
import { StatsReporter } from './StatsReporter'
import { outboundSnapshot, summariseOutbound, type OutboundSummary } from './StatsSummary'
import { orderForRoom, sendableVideoCodecs, type RoomCodec } from './VideoCodecs'

export type PublishedSource = 'camera' | 'screen'

export interface WhipPublisherEvents {
  state: PeerLinkEvents['state']
  stats: OutboundSummary
}

export interface WhipPublisherOptions {
  readonly source: PublishedSource
  readonly codec: RoomCodec
  grant(signal: AbortSignal): Promise<MediaGrant>
  readonly environment?: RtcEnvironment
}

export interface PublishedTracks {
  readonly video: MediaStreamTrack | null
  readonly audio: MediaStreamTrack | null
}

export class WhipPublisher {
  readonly events = new Emitter<WhipPublisherEvents>()
  private readonly environment: RtcEnvironment
  private readonly link: PeerLink
  private readonly reporter: StatsReporter<ReturnType<typeof outboundSnapshot>, OutboundSummary>
  private tracks: PublishedTracks = { video: null, audio: null }
  private senders: { video: RTCRtpSender | null; audio: RTCRtpSender | null } = { video: null, audio: null }
  private wanted: WantedLayers | null = null
  /** One change of parameters after the other: a browser refuses those that were read before the last one. */
  private parametersSet: Promise<void> = Promise.resolve()

  constructor(private readonly options: WhipPublisherOptions) {
    this.environment = options.environment ?? browserEnvironment()
    this.reporter = new StatsReporter(
      { snapshot: outboundSnapshot, summarise: summariseOutbound },
      () => this.environment.now(),
      (summary) => this.events.emit('stats', summary),
    )
    this.link = new PeerLink({
      environment: this.environment,
      grant: (signal) => options.grant(signal),
      yieldsWhenGone: true,
      prepare: (connection) => this.prepare(connection),
      negotiated: () => this.shapeVideo(),
    })
    this.link.events.on('state', (change) => this.events.emit('state', change))
  }

  get state(): PeerLink['state'] {
    return this.link.state
  }

  start(tracks: PublishedTracks): void {
    this.tracks = tracks
    this.link.start()
  }

  /** Send from another device without negotiating again; later reconnects use it too. */
  async replaceTrack(kind: 'video' | 'audio', track: MediaStreamTrack | null): Promise<void> {
    this.tracks = { ...this.tracks, [kind]: track }
    await this.senders[kind]?.replaceTrack(track)
  }

  /** Which simulcast layers somebody watches; said of another session it means nothing here. */
  setWantedLayers(wanted: WantedLayers): void {
    if (wanted.source === this.options.source && wanted.session_id === this.link.sessionId) {
      this.wanted = wanted
      this.shapeVideo()
    }
  }

  /** Publish again after another device took the source: takes it back. */
  takeBack(): void {
    this.link.start()
  }

  /** See PeerLink.kick. */
  kick(): void {
    this.link.kick()
  }

  /** See PeerLink.renew. */
  renew(mediaEpoch: string): void {
    this.link.renew(mediaEpoch)
  }

  /** See PeerLink.close. */
  close(isSessionGone = false): void {
    this.reporter.stop()
    this.link.close(isSessionGone)
    this.events.clear()
  }

  private prepare(connection: PeerConnection): void {
    this.senders = {
      video: this.addSender(connection, 'video'),
      audio: this.addSender(connection, 'audio'),
    }
    this.reporter.follow(connection)
  }

  private addSender(connection: PeerConnection, kind: 'video' | 'audio'): RTCRtpSender | null {
    const track = this.tracks[kind]
    if (track === null && (kind === 'audio' || this.options.source === 'screen')) {
      return null
    }
    // One msid for both: the players keep lips and voice together.
    const streams = [new MediaStream([this.tracks.video, this.tracks.audio].filter((one) => one !== null))]
    const layers = kind === 'video' ? { sendEncodings: layersOf(this.options.source) } : {}
    const transceiver = connection.addTransceiver(track ?? kind, { direction: 'sendonly', streams, ...layers })
    const codecs = kind === 'video' ? sendableVideoCodecs() : null
    if (codecs !== null && typeof transceiver.setCodecPreferences === 'function') {
      transceiver.setCodecPreferences(orderForRoom(this.options.codec, codecs))
    }
    return transceiver.sender
  }

  private shapeVideo(): void {
    const sender = this.senders.video
    if (sender === null) {
      return
    }
    this.parametersSet = this.parametersSet.then(async () => {
      const parameters = sender.getParameters()
      const wanted = this.wanted?.session_id === this.link.sessionId ? this.wanted.wanted : null
      activate(parameters.encodings, wanted)
      // Slides must stay sharp; a face may lose pixels but not its movement.
      parameters.degradationPreference = this.options.source === 'screen' ? 'maintain-resolution' : 'balanced'
      try {
        await sender.setParameters(parameters)
      } catch {
        // A browser that refuses parameters sends with its own: nothing is lost.
      }
    })
  }
}
