/**
 * One WHIP or WHEP session over HTTP: POST, PATCH (ICE restart), DELETE.
 * Knows status codes and headers; knows no RTCPeerConnection and retries nothing.
 * Source: RFC 9725 §4.2–§4.5, draft-ietf-wish-whep-03 §4.
 */
import type { RtcEnvironment } from './environment'
import { SignalingError, type SignalingReason } from './errors'
import { parseIceServers } from './LinkHeader'

/** What the API answers to `media-grant` (docs/protocol/http_api.md). */
export interface MediaGrant {
  readonly token: string
  readonly url: string
  readonly ice_servers: readonly RTCIceServer[]
  /** null: the API has not heard of the media node yet. */
  readonly media_epoch: string | null
}

export interface SdpAnswer {
  readonly exchange: SdpExchange
  readonly sdp: string
  readonly iceServers: RTCIceServer[]
}

const REASON_BY_STATUS: ReadonlyMap<number, SignalingReason> = new Map([
  [401, 'token'],
  [403, 'forbidden'],
  [404, 'gone'],
  [412, 'stale'],
  [428, 'stale'],
  [503, 'busy'],
])
const REASON_BY_CODE: ReadonlyMap<string, SignalingReason> = new Map([
  ['source_taken', 'source_taken'],
  ['codec_not_accepted', 'codec_not_accepted'],
  ['not_on_air', 'not_on_air'],
])

export class SdpExchange {
  private constructor(
    private readonly environment: RtcEnvironment,
    private readonly sessionUrl: string,
    private readonly token: string,
    private etag: string | null,
  ) {}

  /** The name under which the media node and the room channel know this session: the end of its address. */
  get sessionId(): string {
    return new URL(this.sessionUrl).pathname.split('/').at(-1) ?? ''
  }

  /** @throws SignalingError */
  static async post(
    environment: RtcEnvironment,
    grant: MediaGrant,
    offerSdp: string,
    timeoutMs: number,
  ): Promise<SdpAnswer> {
    const response = await request(environment, grant.url, timeoutMs, {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp', Authorization: `Bearer ${grant.token}` },
      body: offerSdp,
    })
    const location = response.headers.get('Location')
    if (response.status !== 201 || location === null) {
      throw new SignalingError('server', 'location_missing')
    }
    const base = response.url === '' ? new URL(grant.url, documentBase()).href : response.url
    const exchange = new SdpExchange(
      environment,
      new URL(location, base).href,
      grant.token,
      response.headers.get('ETag'),
    )
    const iceServers = parseIceServers(response.headers.get('Link'))
    return { exchange, sdp: await response.text(), iceServers }
  }

  /**
   * Ask for an ICE restart. @returns the server's fragment.
   * @throws SignalingError: `gone` and `stale` mean that only a new POST helps.
   */
  async restart(fragment: string, timeoutMs: number): Promise<string> {
    const response = await request(this.environment, this.sessionUrl, timeoutMs, {
      method: 'PATCH',
      headers: {
        'Content-Type': 'application/trickle-ice-sdpfrag',
        Authorization: `Bearer ${this.token}`,
        // The ETag rather than the "*" of RFC 9725 §4.3.3: of two restarts that overtake each other on a
        // bad network the late one is then refused (412) instead of undoing the other.
        'If-Match': this.etag ?? '*',
      },
      body: fragment,
    })
    if (response.status !== 200) {
      // 204 is an answer to trickle: the server did not take it as a restart.
      throw new SignalingError('stale', 'restart_not_done')
    }
    this.etag = response.headers.get('ETag') ?? this.etag
    return response.text()
  }

  /** Close the session on the server; never throws, survives the page (`keepalive`). */
  async close(): Promise<void> {
    try {
      await this.environment.fetch(this.sessionUrl, {
        method: 'DELETE',
        headers: { Authorization: `Bearer ${this.token}` },
        keepalive: true,
      })
    } catch {
      // The server closes silent sessions by itself (joints, consent).
    }
  }
}

async function request(
  environment: RtcEnvironment,
  url: string,
  timeoutMs: number,
  init: RequestInit,
): Promise<Response> {
  const aborter = new AbortController()
  const timer = setTimeout(() => {
    aborter.abort()
  }, timeoutMs)
  try {
    const response = await environment.fetch(url, { ...init, signal: aborter.signal })
    if (!response.ok) {
      throw await errorFrom(response)
    }
    return response
  } catch (cause) {
    throw aborter.signal.aborted ? new SignalingError('timeout', null, null, { cause }) : SignalingError.wrap(cause)
  } finally {
    clearTimeout(timer)
  }
}

async function errorFrom(response: Response): Promise<SignalingError> {
  let code: string | null = null
  try {
    const problem = (await response.json()) as { code?: unknown }
    code = typeof problem.code === 'string' ? problem.code : null
  } catch {
    // Not a problem document (a proxy's page): the status alone decides.
  }
  const fallback = response.status >= 500 ? 'server' : 'refused'
  const reason =
    REASON_BY_CODE.get(code ?? '') ?? REASON_BY_STATUS.get(response.status) ?? fallback
  return new SignalingError(reason, code, retryAfterMs(response.headers.get('Retry-After')))
}

/** Delta-seconds only; we send no dates (RFC 9110 §10.2.3). */
function retryAfterMs(header: string | null): number | null {
  const seconds = Number(header ?? Number.NaN)
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : null
}

function documentBase(): string {
  return typeof location === 'undefined' ? 'http://localhost/' : location.href
}
