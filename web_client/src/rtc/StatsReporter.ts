/**
 * Polls getStats of the current connection and hands on summaries.
 * The arithmetic is in StatsSummary; what a number means to people is not here.
 */
import type { PeerConnection } from './environment'

export interface StatsSource<Snapshot, Summary> {
  snapshot(report: RTCStatsReport, atMs: number): Snapshot
  summarise(before: Snapshot, after: Snapshot): Summary
}

export const STATS_INTERVAL_MS = 1000

export class StatsReporter<Snapshot, Summary> {
  private timer: ReturnType<typeof setInterval> | null = null
  private before: Snapshot | null = null

  constructor(
    private readonly source: StatsSource<Snapshot, Summary>,
    private readonly now: () => number,
    private readonly report: (summary: Summary) => void,
  ) {}

  /** Follow `connection` from now on; counters of an older one are forgotten. */
  follow(connection: PeerConnection): void {
    this.stop()
    this.timer = setInterval(() => {
      void this.poll(connection)
    }, STATS_INTERVAL_MS)
  }

  stop(): void {
    if (this.timer !== null) {
      clearInterval(this.timer)
      this.timer = null
    }
    this.before = null
  }

  private async poll(connection: PeerConnection): Promise<void> {
    const followed = this.timer
    const after = this.source.snapshot(await connection.getStats(), this.now())
    if (followed === null || followed !== this.timer) {
      return
    }
    const before = this.before
    this.before = after
    if (before !== null) {
      this.report(this.source.summarise(before, after))
    }
  }
}
