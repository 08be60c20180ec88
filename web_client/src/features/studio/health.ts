/** When a number on the desk turns amber: pure rules with their reasons. */
import type { StudioReport } from '@/api/types'
import type { PeerLinkState } from '@/rtc/PeerLink'
import type { OutboundSummary } from '@/rtc/StatsSummary'

export type Tone = 'ok' | 'warn' | 'neutral'

/** A part is at most 1 s and journalled at once; polling adds 2 s: five seconds are not normal. */
const partLateMs = 5000
/** So long without an answer: what we know is old news. */
const reportOldMs = 6000
/** The recorder itself warns at ten percent (joints §6). */
const diskLow = 0.1
/** Retransmission hides a few percent; above that viewers see it. */
const lossBad = 0.05

export type RecorderHealth = 'off' | 'starting' | 'waiting' | 'ok' | 'late' | 'paused' | 'disk_low' | 'unknown'

interface RecorderFacts {
  records: boolean
  report: StudioReport | null
  /** Age of the last durable part; null: none yet. */
  partAgeMs: number | null
  reportAgeMs: number
  /** Without a picture on its way there is nothing to save. */
  isSending: boolean
}

export function recorderHealth({ records, report, partAgeMs, reportAgeMs, isSending }: RecorderFacts): RecorderHealth {
  if (!records) return 'off'
  if (report === null || reportAgeMs > reportOldMs) return 'unknown'
  const recorder = report.recorder
  if (recorder === null) return 'starting'
  if (recorder.state === 'paused' || recorder.warnings.includes('disk_full')) return 'paused'
  if (partAgeMs === null) return 'starting'
  if (partAgeMs > partLateMs) return isSending ? 'late' : 'waiting'
  return recorder.disk_free_ratio !== null && recorder.disk_free_ratio < diskLow ? 'disk_low' : 'ok'
}
export const recorderTone = (health: RecorderHealth): Tone => (health === 'ok' ? 'ok' : health === 'off' || health === 'starting' || health === 'waiting' || health === 'unknown' ? 'neutral' : 'warn')

export type UplinkHealth = 'connecting' | 'ok' | 'lossy' | 'reconnecting' | 'refused' | 'off' | 'awaited' | 'stalled'

export function uplinkHealth(state: PeerLinkState, stats: OutboundSummary | null): UplinkHealth {
  if (state === 'reconnecting') return 'reconnecting'
  if (state === 'refused') return 'refused'
  if (state === 'idle' || state === 'closed') return 'off'
  if (state !== 'connected' || stats === null) return 'connecting'
  return stats.loss > lossBad ? 'lossy' : 'ok'
}
/** What another program sends is known from the server alone. */
export function softwareUplink(report: StudioReport | null): UplinkHealth {
  const uplink = report?.uplink ?? null
  if (uplink === null || uplink.state === 'connecting') return 'awaited'
  if (uplink.state === 'stalled') return 'stalled'
  return uplink.loss > lossBad ? 'lossy' : 'ok'
}
export const uplinkTone = (health: UplinkHealth): Tone => (health === 'ok' ? 'ok' : health === 'off' || health === 'connecting' || health === 'awaited' ? 'neutral' : 'warn')
