/**
 * Tells the server what was played: at most every 8 s, on pause, and once more while the page is being hidden.
 * A report without an answer is sent again unchanged, so that the server can know it by its number.
 */
import type { Coverage, ReplayProgress } from '@/api/types'
import { PlayedSegments } from './PlayedSegments'

export const reportEveryMs = 8000

interface Options {
  watchId: string
  send: (progress: ReplayProgress, keepalive: boolean) => Promise<{ coverage: Coverage }>
  playhead: () => { positionMs: number; rate: number }
  covered: (coverage: Coverage) => void
}

export class ProgressReporter {
  readonly played = new PlayedSegments()
  private unanswered: ReplayProgress | null = null
  private seq = 0
  private busy = false
  private readonly timer = setInterval(() => void this.report(), reportEveryMs)

  constructor(private readonly options: Options) {}

  /** `leaving`: the page may be gone before the answer comes. */
  async report(leaving = false): Promise<void> {
    if (this.busy && !leaving) return
    const progress = leaving ? this.next() : (this.unanswered ?? this.next())
    if (progress === null) return
    this.unanswered = progress
    this.busy = true
    try {
      const { coverage } = await this.options.send(progress, leaving)
      if (this.unanswered === progress) this.unanswered = null
      this.options.covered(coverage)
    } catch {
      // Kept in `unanswered`: the next report sends it again.
    } finally {
      this.busy = false
    }
  }

  close(): void {
    clearInterval(this.timer)
    void this.report(true)
  }

  private next(): ReplayProgress | null {
    const segments = this.played.take()
    if (segments.length === 0) return null
    const { positionMs, rate } = this.options.playhead()
    this.seq += 1
    return { watch_id: this.options.watchId, seq: this.seq, position_ms: Math.round(positionMs), rate, segments }
  }
}
