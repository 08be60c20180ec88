/**
 * How good a tried path is, out of the statistics of the sending and the receiving end: pure functions.
 * Source: W3C webrtc-stats (inbound-rtp, outbound-rtp, remote-inbound-rtp, candidate-pair, transport).
 */
export interface TrialQuality {
  /** Of the connectivity checks, milliseconds; null: none measured. */
  readonly roundTripMs: number | null
  /** The larger of both directions, milliseconds; null: none measured. */
  readonly jitterMs: number | null
  /** 0..1 of what we sent, by the server's reports; null before the first report. */
  readonly lossUp: number | null
  /** 0..1 of what came back; null when nothing came. */
  readonly lossDown: number | null
  readonly packetsSent: number
  readonly packetsReceived: number
  readonly framesDecoded: number
  /** Such as H264; null: nothing received. */
  readonly codec: string | null
}

type Entry = Readonly<Record<string, unknown>>

function entriesOf(report: RTCStatsReport): Entry[] {
  const list: Entry[] = []
  report.forEach((entry: Entry) => list.push(entry))
  return list
}

function numberOf(entry: Entry | undefined, key: string): number | null {
  const value = entry?.[key]
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

function milliseconds(seconds: number | null): number | null {
  return seconds === null ? null : seconds * 1000
}

function largest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : Math.max(...known)
}

const ofKind = (list: readonly Entry[], type: string): Entry | undefined =>
  list.find((entry) => entry['type'] === type && entry['kind'] === 'video')

function roundTrip(list: readonly Entry[]): number | null {
  const pair = list.find((entry) => entry['type'] === 'candidate-pair' && entry['nominated'] === true)
  return milliseconds(numberOf(pair, 'currentRoundTripTime'))
}

export function trialQuality(sending: RTCStatsReport, receiving: RTCStatsReport): TrialQuality {
  const up = entriesOf(sending)
  const down = entriesOf(receiving)
  const sent = ofKind(up, 'outbound-rtp')
  const reported = ofKind(up, 'remote-inbound-rtp')
  const inbound = ofKind(down, 'inbound-rtp')
  const packetsSent = numberOf(sent, 'packetsSent') ?? 0
  const packetsReceived = numberOf(inbound, 'packetsReceived') ?? 0
  const lost = Math.max(0, numberOf(inbound, 'packetsLost') ?? 0)
  const reportedLost = numberOf(reported, 'packetsLost')
  const codec = down.find((entry) => entry['id'] === inbound?.['codecId'])?.['mimeType']
  return {
    roundTripMs: largest([roundTrip(up), roundTrip(down)]),
    jitterMs: milliseconds(largest([numberOf(reported, 'jitter'), packetsReceived === 0 ? null : numberOf(inbound, 'jitter')])),
    lossUp: reportedLost === null || packetsSent === 0 ? null : Math.min(1, Math.max(0, reportedLost) / packetsSent),
    lossDown: packetsReceived === 0 ? null : lost / (packetsReceived + lost),
    packetsSent,
    packetsReceived,
    framesDecoded: numberOf(inbound, 'framesDecoded') ?? 0,
    codec: typeof codec === 'string' && packetsReceived > 0 ? codec.replace(/^video\//, '') : null,
  }
}
