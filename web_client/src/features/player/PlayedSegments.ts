/**
 * What was really played of a file: continuous stretches, never the jump of a seek.
 * Pure; fed with positions in file milliseconds, drained by the progress report.
 */
export type Segment = [startMs: number, endMs: number]

/** Between two `timeupdate` a player moves at most this far at double speed, even in a throttled page (1 s timers). */
const longestStepMs = 3000

/** A long stretch (played from the buffer while the server was away) is told in pieces: the server takes them one by one. */
const longestPieceMs = 10_000

export class PlayedSegments {
  private closed: Segment[] = []
  private start: number | null = null
  private last = 0

  /** The playhead is at `atMs` and running. */
  advance(atMs: number): void {
    if (this.start === null) {
      this.start = atMs
    } else if (atMs < this.last || atMs - this.last > longestStepMs) {
      this.close()
      this.start = atMs
    }
    this.last = atMs
  }

  /** Playing stopped at `atMs`: pause, end. */
  stop(atMs: number): void {
    if (this.start !== null) this.advance(atMs)
    this.close()
  }

  /** The playhead is being moved: what was played ends where it was last seen. */
  seek(): void {
    this.close()
  }

  /** Everything played since the last call; a running stretch goes on from where this one ends. */
  take(): Segment[] {
    const isRunning = this.start !== null
    this.close()
    if (isRunning) this.start = this.last
    const taken = this.closed
    this.closed = []
    return taken
  }

  private close(): void {
    if (this.start !== null) {
      for (let at = this.start; at < this.last; at += longestPieceMs) {
        this.closed.push([Math.round(at), Math.round(Math.min(at + longestPieceMs, this.last))])
      }
    }
    this.start = null
  }
}
