/**
 * Keeps one peer connection to the media node alive: POST, ICE restart, new
 * POST, by the steps of ReconnectPolicy. Shared by WhipPublisher and WhepPlayer;
 * knows neither tracks nor slots, those come in through `prepare`.
 *
 * Every step carries the generation in which it was scheduled; what a newer
 * step has overtaken is thrown away when it comes back.
 */
import type { PeerConnection, RtcEnvironment } from './environment'
import { Emitter } from './Emitter'
import { SignalingError, type SignalingReason } from './errors'
import {
  CONNECT_TIMEOUT_MS,
  DISCONNECTED_GRACE_MS,
  firstStep,
  stepAfterEpochChange,
  stepAfterFailure,
  stepAfterIceFailure,
  type Step,
} from './ReconnectPolicy'
import { type MediaGrant, SdpExchange } from './SdpExchange'
import { applyFragment, fragmentForRestart, parseFragment } from './SdpFragment'

export type PeerLinkState =
  | 'idle'
  | 'connecting' // the first time
  | 'connected'
  | 'reconnecting' // was connected, works on it
  | 'held' // nothing to ask for until `kick`
  | 'refused' // the server said no; `reason` tells why
  | 'closed'

export interface PeerLinkEvents {
  state: { readonly state: PeerLinkState; readonly reason: SignalingReason | null }
  /** A new peer connection is about to negotiate: the old one, if any, is closed. */
  replaced: PeerConnection
}

export interface PeerLinkOptions {
  readonly environment: RtcEnvironment
  /** Ask the API for a fresh token. @throws SignalingError */
  grant(signal: AbortSignal): Promise<MediaGrant>
  /** Add transceivers, listeners and codec preferences before the offer. */
  prepare(connection: PeerConnection): void
  /**
   * A session that is gone although we were connected just now was taken over by another device of the
   * same person: yield (`refused`, `source_taken`) instead of taking it back for ever. @default false
   */
  readonly yieldsWhenGone?: boolean
  /** Called once after each answer was accepted. */
  negotiated?(connection: PeerConnection): void
}

/** Less than the 6 s + 60 s of the server, for clocks and for what was lost before we noticed. */
const SESSION_KEPT_MS = 45_000
const YIELD_AFTER_MS = 3000

export class PeerLink {
  readonly events = new Emitter<PeerLinkEvents>()
  private linkState: PeerLinkState = 'idle'
  private peerConnection: PeerConnection | null = null
  private exchange: SdpExchange | null = null
  private answerSdp = ''
  private epoch: string | null = null
  private timer: ReturnType<typeof setTimeout> | null = null
  private generation = 0
  private attempt = 0
  private wasConnected = false
  private isRestarting = false
  private isYielding = false
  private lostAtMs = Number.NEGATIVE_INFINITY

  constructor(private readonly options: PeerLinkOptions) {}

  get state(): PeerLinkState {
    return this.linkState
  }

  /** Of the present session on the server; null without one. */
  get sessionId(): string | null {
    return this.exchange?.sessionId ?? null
  }

  get connection(): PeerConnection | null {
    return this.peerConnection
  }

  start(): void {
    this.attempt = 0
    this.setState('connecting')
    this.schedule(firstStep())
  }

  /** The network is back, or there is something to watch again: try at once. */
  kick(): void {
    if (this.isYielding) {
      return
    }
    if (this.linkState === 'reconnecting' || this.linkState === 'held' || this.linkState === 'connecting') {
      const kind = this.linkState === 'reconnecting' && this.exchange !== null ? 'restart' : 'post'
      this.attempt = 0
      this.setState(this.wasConnected ? 'reconnecting' : 'connecting')
      this.schedule({ ...stepAfterIceFailure(), kind })
    }
  }

  /** Media stopped although the connection says it lives: ask for a new path, then for a new session. */
  repair(kind: 'restart' | 'post'): void {
    if (this.linkState === 'connected') {
      this.setState('reconnecting')
      this.schedule({ ...stepAfterIceFailure(), kind })
    }
  }

  /** The media server has restarted: its sessions are gone (room channel `media_epoch`). */
  renew(mediaEpoch: string): void {
    const isStopped = this.linkState === 'closed' || this.linkState === 'idle'
    // '' : the API does not know the media node yet; the next event will tell.
    if (isStopped || mediaEpoch === '' || this.epoch === mediaEpoch) {
      return
    }
    this.attempt = 0
    this.exchange = null
    this.setState(this.wasConnected ? 'reconnecting' : 'connecting')
    this.schedule(stepAfterEpochChange(this.options.environment.random()))
  }

  /** @param isSessionGone the server has closed it already: nothing is left to delete there. */
  close(isSessionGone = false): void {
    this.cancel()
    if (isSessionGone) {
      this.exchange = null
    }
    this.dropConnection()
    this.setState('closed')
  }

  private schedule(step: Step): void {
    this.cancel()
    const generation = this.generation
    this.timer = setTimeout(() => {
      void this.perform(step, generation)
    }, step.delayMs)
  }

  private cancel(): void {
    this.generation += 1
    this.isYielding = false
    if (this.timer !== null) {
      clearTimeout(this.timer)
      this.timer = null
    }
  }

  private async perform(step: Step, generation: number): Promise<void> {
    const kind = step.kind === 'restart' && this.exchange !== null ? 'restart' : 'post'
    this.isRestarting = kind === 'restart'
    try {
      if (kind === 'restart') {
        await this.restart(step.timeoutMs, generation)
      } else {
        await this.post(step.timeoutMs, generation)
      }
      if (generation === this.generation) {
        this.isRestarting = false
        this.awaitConnected(generation)
      }
    } catch (cause) {
      if (generation === this.generation) {
        this.isRestarting = false
        this.handleFailure(SignalingError.wrap(cause), kind)
      }
    }
  }

  private async post(timeoutMs: number, generation: number): Promise<void> {
    const { environment } = this.options
    const grant = await this.requestGrant(timeoutMs)
    if (generation !== this.generation) {
      return
    }
    this.dropConnection()
    const connection = environment.createPeerConnection({
      iceServers: [...grant.ice_servers],
      bundlePolicy: 'max-bundle',
    })
    this.peerConnection = connection
    this.events.emit('replaced', connection)
    this.options.prepare(connection)
    connection.addEventListener('connectionstatechange', () => {
      this.handleConnectionState(connection)
    })
    const offer = await connection.createOffer()
    const answer = await SdpExchange.post(environment, grant, offer.sdp ?? '', timeoutMs)
    if (generation !== this.generation) {
      // Overtaken while the server was answering: leave nothing behind there.
      void answer.exchange.close()
      return
    }
    this.exchange = answer.exchange
    this.epoch = grant.media_epoch
    this.answerSdp = answer.sdp
    if (answer.iceServers.length > 0) {
      connection.setConfiguration({ iceServers: answer.iceServers, bundlePolicy: 'max-bundle' })
    }
    // Gathering begins here, hence with the TURN servers of the answer (RFC 9725 §4.6). The server needs no
    // candidates of ours: it answers checks.
    await connection.setLocalDescription(offer)
    await connection.setRemoteDescription({ type: 'answer', sdp: answer.sdp })
    this.options.negotiated?.(connection)
  }

  private async requestGrant(timeoutMs: number): Promise<MediaGrant> {
    const aborter = new AbortController()
    const timer = setTimeout(() => aborter.abort(), timeoutMs)
    try {
      return await this.options.grant(aborter.signal)
    } catch (cause) {
      throw aborter.signal.aborted ? new SignalingError('timeout', null, null, { cause }) : SignalingError.wrap(cause)
    } finally {
      clearTimeout(timer)
    }
  }

  private async restart(timeoutMs: number, generation: number): Promise<void> {
    const { peerConnection: connection, exchange } = this
    if (connection === null || exchange === null) {
      throw new SignalingError('gone')
    }
    await connection.setLocalDescription(await connection.createOffer({ iceRestart: true }))
    const fragment = fragmentForRestart(connection.localDescription?.sdp ?? '')
    if (fragment === null) {
      throw new SignalingError('negotiation', 'offer_without_ice')
    }
    const answered = parseFragment(await exchange.restart(fragment, timeoutMs))
    if (generation !== this.generation) {
      return
    }
    if (answered === null) {
      throw new SignalingError('stale', 'fragment_without_ice')
    }
    this.answerSdp = applyFragment(this.answerSdp, answered)
    await connection.setRemoteDescription({ type: 'answer', sdp: this.answerSdp })
  }

  /** The answer is in: ICE and DTLS have a limited time to get through. */
  private awaitConnected(generation: number): void {
    const connection = this.peerConnection
    if (connection?.connectionState === 'connected') {
      this.handleConnected()
      return
    }
    this.timer = setTimeout(() => {
      if (generation === this.generation) {
        // A path that does not open is not healed by asking for the same again.
        this.handleFailure(new SignalingError('timeout', 'not_connected'), 'post')
      }
    }, CONNECT_TIMEOUT_MS)
  }

  private handleConnectionState(connection: PeerConnection): void {
    if (connection !== this.peerConnection) {
      return
    }
    if (connection.connectionState === 'connected') {
      // The old path healed while a restart is on its way: finish that first,
      // or both sides would hold different ICE credentials.
      if (!this.isRestarting) {
        this.handleConnected()
      }
    } else if (this.isRestarting) {
      return
    } else if (connection.connectionState === 'failed' && this.linkState !== 'closed') {
      this.noteLoss()
      this.setState(this.wasConnected ? 'reconnecting' : 'connecting')
      this.schedule(stepAfterIceFailure())
    } else if (connection.connectionState === 'disconnected' && this.linkState === 'connected') {
      this.noteLoss()
      this.setState('reconnecting')
      this.schedule({ ...stepAfterIceFailure(), delayMs: DISCONNECTED_GRACE_MS })
    }
  }

  private noteLoss(): void {
    if (this.linkState === 'connected') {
      this.lostAtMs = this.options.environment.now()
    }
  }

  private handleConnected(): void {
    this.cancel()
    this.attempt = 0
    this.wasConnected = true
    this.setState('connected')
  }

  private handleFailure(error: SignalingError, failed: 'restart' | 'post'): void {
    if (failed === 'restart' && this.peerConnection?.connectionState === 'connected') {
      this.handleConnected()
      return
    }
    if (failed === 'restart' && error.reason === 'gone' && this.wasTakenOver()) {
      this.yieldUnlessRenewed()
      return
    }
    const random = this.options.environment.random()
    const step = stepAfterFailure(error.reason, failed, this.attempt, random, error.retryAfterMs)
    this.attempt += 1
    if (step.kind === 'stop') {
      this.cancel()
      this.dropConnection()
      this.setState('refused', error.reason)
    } else if (step.kind === 'hold') {
      this.cancel()
      this.setState('held', error.reason)
    } else {
      if (step.kind === 'post') {
        this.abandonExchange(error.reason)
      }
      this.setState(this.wasConnected ? 'reconnecting' : 'connecting', error.reason)
      this.schedule(step)
    }
  }

  /** The server keeps a silent session for 60 s (joints, consent): sooner it goes only when replaced or after a restart, which `renew` tells. */
  private wasTakenOver(): boolean {
    return this.options.yieldsWhenGone === true && this.options.environment.now() - this.lostAtMs < SESSION_KEPT_MS
  }

  /** After a restart of the server the room channel's hello is on its way: `renew` comes within the time. */
  private yieldUnlessRenewed(): void {
    this.cancel()
    this.exchange = null
    this.isYielding = true
    this.timer = setTimeout(() => {
      this.dropConnection()
      this.setState('refused', 'source_taken')
    }, YIELD_AFTER_MS)
  }

  private abandonExchange(reason: SignalingReason): void {
    if (reason !== 'gone') {
      void this.exchange?.close()
    }
    this.exchange = null
  }

  private dropConnection(): void {
    void this.exchange?.close()
    this.exchange = null
    this.peerConnection?.close()
    this.peerConnection = null
  }

  private setState(state: PeerLinkState, reason: SignalingReason | null = null): void {
    if (state !== this.linkState || reason !== null) {
      this.linkState = state
      this.events.emit('state', { state, reason })
    }
  }
}
