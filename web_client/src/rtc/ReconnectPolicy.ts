/**
 * What to do after a failure, as data: pure, no clock, no network.
 * The rules are those of joints "Restart, blackout, consent".
 */
import type { SignalingReason } from './errors'

export type StepKind =
  | 'restart' // PATCH: ICE restart on the session we have
  | 'post' // a new session
  | 'hold' // wait until somebody kicks (nothing to ask for now)
  | 'stop'; // asking again changes nothing

export interface Step {
  readonly kind: StepKind
  /** Milliseconds to wait before it. */
  readonly delayMs: number
  /** Milliseconds after which each request of the step is given up. */
  readonly timeoutMs: number
}

/** 'same' repeats the kind of step that failed: the network, not the session, is at fault. */
const AFTER: Record<SignalingReason, StepKind | 'same'> = {
  network: 'same',
  timeout: 'same',
  busy: 'post',
  gone: 'post',
  stale: 'post',
  token: 'post',
  server: 'same',
  negotiation: 'post',
  not_on_air: 'hold',
  forbidden: 'stop',
  source_taken: 'stop',
  codec_not_accepted: 'stop',
  refused: 'stop',
}

/** What a PATCH may be told that a new POST cures: the network is there, so at once. */
const AT_ONCE: ReadonlySet<SignalingReason> = new Set(['gone', 'stale', 'token'])

/** An old TCP connection may stay dead long after the network is back: give up early, then be patient. */
const REQUEST_TIMEOUTS_MS = [1500, 1500, 3000, 5000] as const
const FIRST_REQUEST_TIMEOUT_MS = 8000
const RETRY_MS = 1000
const SLOW_RETRY_MS = 2000
const SLOW_AFTER_ATTEMPTS = 30
const EPOCH_JITTER_MS = 1000

/** How long `disconnected` may last before we stop hoping that it heals. */
export const DISCONNECTED_GRACE_MS = 2000
/** How long ICE and DTLS may take after an answer. */
export const CONNECT_TIMEOUT_MS = 5000

export function firstStep(): Step {
  return { kind: 'post', delayMs: 0, timeoutMs: FIRST_REQUEST_TIMEOUT_MS }
}

/** The media server has restarted: every client POSTs anew, spread over a second. */
export function stepAfterEpochChange(random: number): Step {
  return { kind: 'post', delayMs: Math.round(random * EPOCH_JITTER_MS), timeoutMs: requestTimeoutMs(2) }
}

export function stepAfterIceFailure(): Step {
  return { kind: 'restart', delayMs: 0, timeoutMs: requestTimeoutMs(0) }
}

/**
 * @param attempt failures in this outage so far, 0 for the first.
 * @param failed kind of the step that failed.
 */
export function stepAfterFailure(
  reason: SignalingReason,
  failed: 'restart' | 'post',
  attempt: number,
  random: number,
  retryAfterMs: number | null = null,
): Step {
  const after = AFTER[reason]
  const kind = after === 'same' ? failed : after
  const timeoutMs = requestTimeoutMs(attempt)
  if (reason === 'busy') {
    // The server sheds: its word, plus jitter so that not all come back together.
    const asked = retryAfterMs ?? SLOW_RETRY_MS
    return { kind, delayMs: Math.round(asked + random * EPOCH_JITTER_MS), timeoutMs }
  }
  if (AT_ONCE.has(reason) && failed === 'restart') {
    return { kind, delayMs: 0, timeoutMs }
  }
  return { kind, delayMs: attempt < SLOW_AFTER_ATTEMPTS ? RETRY_MS : SLOW_RETRY_MS, timeoutMs }
}

function requestTimeoutMs(attempt: number): number {
  return REQUEST_TIMEOUTS_MS[Math.min(attempt, REQUEST_TIMEOUTS_MS.length - 1)] ?? 5000
}
