/**
 * One throw-away WHIP or WHEP session over one kind of path: does media get through there?
 * For /diagnose. Never reconnects and never asks for a device; the server ends it after half a minute.
 */
import type { PeerConnection, RtcEnvironment } from './environment'
import { RtcError } from './errors'
import { SdpExchange } from './SdpExchange'

/** `relay`: by the TURN servers given; the others straight to the media node. */
export type TrialPath = 'udp' | 'tcp' | 'relay'
/** absent: the server offers no such path. blocked: offered, and nothing came through in time. */
export type TrialReason = 'absent' | 'blocked'

export class TrialError extends RtcError {
  override readonly name = 'TrialError'

  constructor(readonly reason: TrialReason) {
    super(`no media path: ${reason}`)
  }
}

export interface TrialOptions {
  readonly environment: RtcEnvironment
  readonly token: string
  /** Of the WHIP or the WHEP endpoint. */
  readonly url: string
  readonly path: TrialPath
  /** TURN servers, for `relay`. @default [] */
  readonly iceServers?: readonly RTCIceServer[]
  /** Add transceivers. */
  prepare(connection: PeerConnection): void
  /** What the server offers, known before it is known whether anything gets through. */
  answered?(offer: TrialOffer): void
}

export interface TrialOffer {
  /** `udp`, `tcp`. */
  readonly transports: ReadonlySet<string>
  /** STUN and TURN servers. */
  readonly iceServers: readonly RTCIceServer[]
}

export const TRIAL_CONNECT_MS = 8000
const POST_MS = 6000
const CANDIDATE = /^a=candidate:\S+ \d+ (\S+) /

/** Which transports the candidates of a description name. */
export function transportsOf(sdp: string): ReadonlySet<string> {
  const named = sdp.split(/\r?\n/).map((line) => CANDIDATE.exec(line)?.[1]?.toLowerCase())
  return new Set(named.filter((transport) => transport !== undefined))
}

/** The answer with the candidates of one path alone, so that no other can help out. A relay reaches all by UDP. */
export function onlyPath(sdp: string, path: TrialPath): string {
  const transport = path === 'tcp' ? 'tcp' : 'udp'
  return sdp
    .split('\r\n')
    .filter((line) => (CANDIDATE.exec(line)?.[1]?.toLowerCase() ?? transport) === transport)
    .join('\r\n')
}

export class TrialLink {
  private constructor(
    readonly connection: PeerConnection,
    private readonly exchange: SdpExchange,
    /** From the offer to connected. */
    readonly connectMs: number,
  ) {}

  /** @throws TrialError, SignalingError; nothing is left open then. */
  static async open(options: TrialOptions): Promise<TrialLink> {
    const { environment, path } = options
    const connection = environment.createPeerConnection({
      iceServers: [...(options.iceServers ?? [])],
      bundlePolicy: 'max-bundle',
      iceTransportPolicy: path === 'relay' ? 'relay' : 'all',
    })
    let exchange: SdpExchange | null = null
    try {
      options.prepare(connection)
      await connection.setLocalDescription(await connection.createOffer())
      const grant = { token: options.token, url: options.url, ice_servers: [], media_epoch: null }
      const beganMs = environment.now()
      const answer = await SdpExchange.post(environment, grant, connection.localDescription?.sdp ?? '', POST_MS)
      exchange = answer.exchange
      const transports = transportsOf(answer.sdp)
      options.answered?.({ transports, iceServers: answer.iceServers })
      if (!transports.has(path === 'tcp' ? 'tcp' : 'udp')) {
        throw new TrialError('absent')
      }
      await connection.setRemoteDescription({ type: 'answer', sdp: onlyPath(answer.sdp, path) })
      await connected(connection)
      return new TrialLink(connection, exchange, environment.now() - beganMs)
    } catch (cause) {
      connection.close()
      void exchange?.close()
      throw cause
    }
  }

  /** End it here and on the server; never throws. */
  close(): Promise<void> {
    this.connection.close()
    return this.exchange.close()
  }
}

function connected(connection: PeerConnection): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new TrialError('blocked')), TRIAL_CONNECT_MS)
    const look = (): void => {
      if (connection.connectionState === 'connected') {
        clearTimeout(timer)
        resolve()
      } else if (connection.connectionState === 'failed') {
        clearTimeout(timer)
        reject(new TrialError('blocked'))
      }
    }
    connection.addEventListener('connectionstatechange', look)
    look()
  })
}
