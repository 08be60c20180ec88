/**
 * How long pictures are to wait for lost packets: pure, fed with each second's statistics.
 * A browser's own jitter buffer follows the last repair, so that at a few percent of loss every packet that
 * is lost three times in a row stops the picture. A lecture bears a quarter of a second of delay better.
 * Source: W3C webrtc-extensions, RTCRtpReceiver.jitterBufferTarget.
 */
const LOSSY = 0.01
/** A repair takes one round trip; the second repair of the same packet the third. */
const ROUND_TRIPS = 3
const TARGET_MIN_MS = 150
const TARGET_MAX_MS = 600
/** Shorter good times between bad ones are no reason to speed the picture up and down. */
const CALM_MS = 30_000

export class PlayoutBuffer {
  private targetMs: number | null = null
  private lastLossMs = Number.NEGATIVE_INFINITY

  /**
   * @param loss 0..1 of the packets of the last second.
   * @returns what `jitterBufferTarget` is to be; null = as the browser likes.
   */
  feed(loss: number, roundTripMs: number | null, atMs: number): number | null {
    if (loss >= LOSSY) {
      this.lastLossMs = atMs
      const wanted = ROUND_TRIPS * (roundTripMs ?? 0)
      const bounded = Math.min(TARGET_MAX_MS, Math.max(TARGET_MIN_MS, wanted))
      // Only up while it is bad: each step down is a jump of the picture.
      this.targetMs = Math.max(this.targetMs ?? 0, Math.round(bounded))
    } else if (atMs - this.lastLossMs >= CALM_MS) {
      this.targetMs = null
    }
    return this.targetMs
  }

  /** A new connection. */
  reset(): void {
    this.targetMs = null
    this.lastLossMs = Number.NEGATIVE_INFINITY
  }
}
