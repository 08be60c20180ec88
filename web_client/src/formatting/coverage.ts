/** Reading a Coverage: its spans with the gaps between them, and what is still missing. */
import type { Coverage, SpanKind } from '@/api/types'
import { playTime } from './amounts'

export interface Stretch { kind: SpanKind | 'uncovered'; start_ms: number; end_ms: number }

/** Every stretch of the programme from 0 to its length, covered or not, in order. Touching spans of one kind are one stretch. */
export function stretches(coverage: Coverage): Stretch[] {
  const all: Stretch[] = []
  let at = 0
  const put = (kind: Stretch['kind'], start_ms: number, end_ms: number) => {
    const last = all.at(-1)
    if (last?.kind === kind && last.end_ms === start_ms) last.end_ms = end_ms
    else all.push({ kind, start_ms, end_ms })
  }
  for (const span of coverage.spans) {
    if (span.start_ms > at) put('uncovered', at, span.start_ms)
    put(span.kind, span.start_ms, span.end_ms)
    at = Math.max(at, span.end_ms)
  }
  if (at < coverage.length_ms) put('uncovered', at, coverage.length_ms)
  return all
}

export const describeSpans = (coverage: Coverage) =>
  stretches(coverage).map(({ kind, start_ms, end_ms }) => ({ kind, from: playTime(start_ms), to: playTime(end_ms) }))

/** Programme time that neither live nor replay covered. */
export const missingMs = (coverage: Coverage) => Math.max(0, coverage.length_ms - coverage.covered_ms)

/** What a lesson's card says about progress: unseen, done, the missing beginning, or how much is left. */
export interface Progress { state: 'unseen' | 'done' | 'left' | 'missed_beginning'; missing_ms: number }

/** A remainder below one percent, and at most ten seconds, is the end of the credits and not something to come back for. */
export function progressOf(coverage: Coverage | null): Progress {
  if (coverage === null || coverage.covered_ms <= 0) return { state: 'unseen', missing_ms: coverage?.length_ms ?? 0 }
  const missing = missingMs(coverage)
  if (missing <= Math.min(10_000, coverage.length_ms / 100)) return { state: 'done', missing_ms: missing }
  const gaps = stretches(coverage).filter((stretch) => stretch.kind === 'uncovered')
  const [first] = gaps
  if (gaps.length === 1 && first?.start_ms === 0) return { state: 'missed_beginning', missing_ms: missing }
  return { state: 'left', missing_ms: missing }
}
