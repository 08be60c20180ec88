/** A record item told as lines: what was covered when, what is missing; wall times come from the evidence itself. */
import type { Evidence, RecordItem } from '@/api/types'
import { playTime } from './amounts'
import { stretches } from './coverage'

export interface RecordLine {
  kind: 'live' | 'replay' | 'uncovered'
  programme_start_ms: number
  programme_end_ms: number
  covered_ms: number
  /** Bridged silence inside a live line, and how often. */
  bridged_ms: number
  bridges: number
  /** Evidence that overlaps this line. */
  evidence: Evidence[]
}

const overlaps = (one: Evidence, from: number, to: number) =>
  one.programme_start_ms !== null && one.programme_end_ms !== null && one.programme_start_ms < to && one.programme_end_ms > from

const isReplay = (one: Evidence) => one.kind === 'replay'

/** Live and bridged stretches that touch make one line. */
export function recordLines(item: Pick<RecordItem, 'coverage' | 'evidence'>): RecordLine[] {
  if (item.coverage === null) return []
  const lines: RecordLine[] = []
  for (const { kind, start_ms, end_ms } of stretches(item.coverage)) {
    const shown = kind === 'bridged' ? 'live' : kind
    const bridged = kind === 'bridged' ? end_ms - start_ms : 0
    const last = lines.at(-1)
    if (last?.kind === shown && last.programme_end_ms === start_ms) {
      last.programme_end_ms = end_ms
      last.covered_ms += end_ms - start_ms
      last.bridged_ms += bridged
      last.bridges += bridged > 0 ? 1 : 0
    } else {
      lines.push({ kind: shown, programme_start_ms: start_ms, programme_end_ms: end_ms, covered_ms: end_ms - start_ms, bridged_ms: bridged, bridges: bridged > 0 ? 1 : 0, evidence: [] })
    }
  }
  for (const line of lines) {
    if (line.kind === 'uncovered') continue
    line.evidence = item.evidence.filter((one) => isReplay(one) === (line.kind === 'replay') && overlaps(one, line.programme_start_ms, line.programme_end_ms))
  }
  return lines
}

/** Wall instant of a programme time: through the live evidence nearest before it (breaks move later parts), else from the start. */
export function wallTime(programmeMs: number, evidence: readonly Evidence[], actualStart: string | null): Date | null {
  const anchors = evidence
    .filter((one) => !isReplay(one) && one.from !== null && one.programme_start_ms !== null)
    .map((one) => ({ at: one.programme_start_ms ?? 0, wall: Date.parse(one.from ?? '') }))
    .sort((one, other) => one.at - other.at)
  const anchor = anchors.filter((one) => one.at <= programmeMs).at(-1) ?? anchors[0] ?? (actualStart === null ? undefined : { at: 0, wall: Date.parse(actualStart) })
  return anchor === undefined ? null : new Date(anchor.wall + programmeMs - anchor.at)
}

/** ok: nothing to do. warn: adverse or open. neutral: not judged. */
export function standing(item: Pick<RecordItem, 'attendance_status' | 'makeup_status'>): 'ok' | 'warn' | 'neutral' {
  if (item.attendance_status === 'present' || item.makeup_status === 'made_up') return 'ok'
  if (item.attendance_status === null || ['on_leave', 'exempt', 'observer'].includes(item.attendance_status)) return 'neutral'
  return 'warn'
}

/** Numbers of a why-line as people read them: play times from ms, percent from hundredths; graces in minutes, bridged silence in seconds. */
export function whyParams(params: Record<string, string | number>): Record<string, string | number> {
  return Object.fromEntries(Object.entries(params).map(([name, value]): [string, string | number] => {
    if (typeof value !== 'number') return [name, value]
    if (name === 'ms') return ['seconds', Math.round(value / 1000)]
    if (name === 'grace_ms') return ['grace', Math.floor(value / 60_000)]
    if (name.endsWith('_ms')) return [name.slice(0, -3), playTime(value)]
    if (name.endsWith('_hundredths')) return [name.replace('_hundredths', '_share'), Math.floor(value / 100)]
    return [name, value]
  }))
}
