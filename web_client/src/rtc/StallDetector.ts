/**
 * Says when a picture that ran stands still: pure, fed with decoded frame counts.
 * It judges only after a first frame and never while the page is hidden
 * (browsers stop decoding then).
 */
export type Flow = 'waiting' | 'flowing' | 'stalled'

/** One lost key frame is repaired within a second; two silent seconds are not normal. */
export const STALL_AFTER_MS = 2000

export class StallDetector {
  private lastFrames = 0
  private lastProgressMs: number | null = null

  /** @param framesDecoded of the current connection, ever growing from 0. */
  feed(framesDecoded: number, atMs: number, isVisible: boolean): Flow {
    if (framesDecoded !== this.lastFrames) {
      // A smaller number is a new connection: counting starts again.
      this.lastFrames = framesDecoded
      this.lastProgressMs = framesDecoded > 0 ? atMs : null
      return framesDecoded > 0 ? 'flowing' : 'waiting'
    }
    if (this.lastProgressMs === null) {
      return 'waiting'
    }
    if (!isVisible) {
      this.lastProgressMs = atMs
      return 'flowing'
    }
    return atMs - this.lastProgressMs >= STALL_AFTER_MS ? 'stalled' : 'flowing'
  }

  reset(): void {
    this.lastFrames = 0
    this.lastProgressMs = null
  }
}
