/**
 * The one error tree of src/rtc: stable reasons, never sentences for people
 * (features translate `reason`). Nothing here touches the network or the DOM.
 */
export abstract class RtcError extends Error {
  abstract readonly reason: string
}

/** Why a WHIP or WHEP request, or the grant before it, did not succeed. */
export type SignalingReason =
  | 'network' // nothing came back
  | 'timeout' // given up by us
  | 'busy' // 503: `retryAfterMs` says when
  | 'gone' // 404: the server knows no such session
  | 'stale' // 412: our ETag is old
  | 'token' // 401: a new grant is needed
  | 'forbidden' // 403
  | 'source_taken' // 409: another device publishes this source
  | 'codec_not_accepted' // 422: a recorded room without H264
  | 'not_on_air' // the API gives no grant now
  | 'refused' // any other 4xx: asking again changes nothing
  | 'server' // any other 5xx
  | 'negotiation'; // the browser did not accept the answer

export class SignalingError extends RtcError {
  override readonly name = 'SignalingError'

  constructor(
    readonly reason: SignalingReason,
    /** Stable code of the problem document, or null. */
    readonly code: string | null = null,
    /** Milliseconds the server asked us to wait, or null. */
    readonly retryAfterMs: number | null = null,
    options?: ErrorOptions,
  ) {
    super(code === null ? `signaling failed: ${reason}` : `signaling failed: ${reason} (${code})`, options)
  }

  static wrap(cause: unknown): SignalingError {
    if (cause instanceof SignalingError) {
      return cause
    }
    if (cause instanceof DOMException) {
      const reason = cause.name === 'AbortError' || cause.name === 'TimeoutError' ? 'timeout' : 'negotiation'
      return new SignalingError(reason, null, null, { cause })
    }
    // fetch rejects with TypeError when nothing came back (Fetch standard §5.6).
    return new SignalingError(cause instanceof TypeError ? 'network' : 'negotiation', null, null, { cause })
  }
}

/** Why camera, microphone or screen could not be had. */
export type MediaReason =
  | 'insecure_context' // plain HTTP on an address that is not localhost
  | 'unsupported' // the browser has no such function
  | 'denied' // the person, or a remembered answer, said no
  | 'denied_by_system' // the operating system refuses the browser
  | 'dismissed' // the question was closed without an answer
  | 'not_found' // no such device
  | 'in_use' // another program holds it
  | 'unknown'

export class MediaError extends RtcError {
  override readonly name = 'MediaError'

  constructor(
    readonly reason: MediaReason,
    options?: ErrorOptions,
  ) {
    super(`media not available: ${reason}`, options)
  }
}
