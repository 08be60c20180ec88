/**
 * Plays one room by WHEP: receive slots, first frame, stall, reconnect.
 * Slots by joints "Slots": the n-th video m-line is V(n-1), the n-th audio one A(n-1).
 * Draws nothing but the `srcObject` of the element it is given.
 */
import { browserEnvironment, type PeerConnection, type RtcEnvironment } from './environment'
import { Emitter } from './Emitter'
import { PeerLink, type PeerLinkEvents } from './PeerLink'
import { PlayoutBuffer } from './PlayoutBuffer'
import type { MediaGrant } from './SdpExchange'
import { StallDetector, type Flow } from './StallDetector'
import { StatsReporter } from './StatsReporter'
import { inboundSnapshot, summariseInbound, type InboundSummary } from './StatsSummary'

export type SlotName = `V${number}` | `A${number}`

export interface WhepPlayerEvents {
  state: PeerLinkEvents['state']
  /** The first frame of this connection is on the screen; milliseconds since `start` or reconnect. */
  firstFrame: { readonly afterMs: number }
  /** Only changes are reported. */
  flow: Flow
  stats: InboundSummary
  /** A slot has a (new) track; its medium may still be silent. */
  slot: { readonly slot: SlotName; readonly track: MediaStreamTrack }
}

export interface WhepPlayerOptions {
  grant(signal: AbortSignal): Promise<MediaGrant>
  /** How many receive slots to negotiate, once for ever. @default { video: 1, audio: 1 } */
  readonly slots?: { readonly video: number; readonly audio: number }
  readonly environment?: RtcEnvironment
}

/** How long the same stall may last before a restart has failed and a new session is asked for. */
const STALL_ESCALATION_MS = 6000

export class WhepPlayer {
  readonly events = new Emitter<WhepPlayerEvents>()
  private readonly environment: RtcEnvironment
  private readonly link: PeerLink
  private readonly stall = new StallDetector()
  private readonly playout = new PlayoutBuffer()
  private receivers: RTCRtpReceiver[] = []
  private readonly reporter: StatsReporter<ReturnType<typeof inboundSnapshot>, InboundSummary>
  private video: HTMLVideoElement | null = null
  private program: MediaStream | null = null
  /** The program whose first frame has not been seen yet. */
  private frameAwaited: MediaStream | null = null
  private flow: Flow = 'waiting'
  private beganMs = 0
  private lastRepairMs: number | null = null
  private isMediaExpected = true

  constructor(private readonly options: WhepPlayerOptions) {
    this.environment = options.environment ?? browserEnvironment()
    this.reporter = new StatsReporter(
      { snapshot: inboundSnapshot, summarise: summariseInbound },
      () => this.environment.now(),
      (summary) => this.handleStats(summary),
    )
    this.link = new PeerLink({
      environment: this.environment,
      grant: (signal) => options.grant(signal),
      prepare: (connection) => this.prepare(connection),
    })
    this.link.events.on('state', (change) => this.events.emit('state', change))
  }

  get state(): PeerLink['state'] {
    return this.link.state
  }

  start(): void {
    this.beganMs = this.environment.now()
    this.link.start()
  }

  /** Show V0 and A0 in `element`; the caller decides about mute and play. */
  attach(element: HTMLVideoElement): void {
    this.video = element
    if (this.program !== null) {
      this.show(this.program)
    }
  }

  /** Whether somebody publishes: without it a standing picture is no fault of the path. */
  setMediaExpected(isExpected: boolean): void {
    this.isMediaExpected = isExpected
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
    if (this.video !== null) {
      this.video.srcObject = null
    }
    this.events.clear()
  }

  private prepare(connection: PeerConnection): void {
    const slots = this.options.slots ?? { video: 1, audio: 1 }
    const names = new Map<RTCRtpTransceiver, SlotName>()
    for (let index = 0; index < slots.video; index += 1) {
      names.set(connection.addTransceiver('video', { direction: 'recvonly' }), `V${index}`)
    }
    for (let index = 0; index < slots.audio; index += 1) {
      names.set(connection.addTransceiver('audio', { direction: 'recvonly' }), `A${index}`)
    }
    const program = new MediaStream()
    this.stall.reset()
    this.playout.reset()
    this.receivers = [...names.keys()].map((transceiver) => transceiver.receiver)
    this.reporter.follow(connection)
    connection.addEventListener('track', (event) => {
      const { track, transceiver } = event as RTCTrackEvent
      const slot = names.get(transceiver)
      if (slot !== undefined) {
        this.handleTrack(slot, track, program)
      }
    })
  }

  private handleTrack(slot: SlotName, track: MediaStreamTrack, program: MediaStream): void {
    if (slot === 'V0' || slot === 'A0') {
      program.addTrack(track)
      // Until the first packet the old picture stays: no black flash on a reconnect.
      if (track.muted && this.program !== null) {
        track.addEventListener('unmute', () => this.show(program), { once: true })
      } else {
        this.show(program)
      }
    }
    this.events.emit('slot', { slot, track })
  }

  private show(program: MediaStream): void {
    this.program = program
    if (this.video !== null && this.video.srcObject !== program) {
      this.video.srcObject = program
      this.awaitFirstFrame(this.video, program)
    }
  }

  private awaitFirstFrame(video: HTMLVideoElement, program: MediaStream): void {
    this.frameAwaited = program
    if (typeof video.requestVideoFrameCallback !== 'function') {
      // Without the callback the decoder's count tells it, a second later (handleStats).
      return
    }
    const seen = (): void => {
      if (this.frameAwaited !== program) {
        return
      }
      if (this.link.state === 'connected') {
        this.reportFirstFrame()
      } else {
        // What the element showed before, from another source: no frame of ours can be here yet.
        video.requestVideoFrameCallback(seen)
      }
    }
    video.requestVideoFrameCallback(seen)
  }

  private reportFirstFrame(): void {
    this.frameAwaited = null
    this.events.emit('firstFrame', { afterMs: this.environment.now() - this.beganMs })
  }

  private handleStats(summary: InboundSummary): void {
    if (this.frameAwaited !== null && summary.framesDecoded > 0) {
      this.reportFirstFrame()
    }
    const nowMs = this.environment.now()
    const targetMs = this.playout.feed(summary.loss, summary.roundTripMs, nowMs)
    for (const receiver of this.receivers) {
      receiver.jitterBufferTarget = targetMs
    }
    const isVisible = typeof document === 'undefined' || document.visibilityState === 'visible'
    const flow = this.stall.feed(summary.framesDecoded, nowMs, isVisible)
    if (flow !== this.flow) {
      this.flow = flow
      this.events.emit('flow', flow)
    }
    if (flow === 'stalled' && this.isMediaExpected && this.link.state === 'connected') {
      this.repairStall(nowMs)
    }
    this.events.emit('stats', summary)
  }

  private repairStall(nowMs: number): void {
    const sinceRepairMs = this.lastRepairMs === null ? Infinity : nowMs - this.lastRepairMs
    if (sinceRepairMs < STALL_ESCALATION_MS) {
      return
    }
    const isRepeated = sinceRepairMs < 3 * STALL_ESCALATION_MS
    this.lastRepairMs = nowMs
    this.link.repair(isRepeated ? 'post' : 'restart')
  }
}
