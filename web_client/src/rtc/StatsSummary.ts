/**
 * Numbers for people out of RTCStatsReport: pure functions over two snapshots.
 * Source: W3C webrtc-stats (inbound-rtp, outbound-rtp, remote-inbound-rtp, candidate-pair).
 */
export interface InboundSnapshot {
  readonly atMs: number
  readonly bytesReceived: number
  readonly packetsReceived: number
  readonly packetsLost: number
  readonly framesDecoded: number
  readonly framesPerSecond: number
  readonly frameWidth: number
  readonly frameHeight: number
  readonly roundTripMs: number | null
  /** Seconds of delay summed over `jitterBufferEmitted` frames. */
  readonly jitterBufferDelayS: number
  readonly jitterBufferEmitted: number
}

export interface InboundSummary {
  readonly bitrateBps: number
  /** 0..1 of the packets of the interval. */
  readonly loss: number
  readonly framesPerSecond: number
  readonly frameWidth: number
  readonly frameHeight: number
  readonly framesDecoded: number
  readonly roundTripMs: number | null
  /** Time a frame waited in the jitter buffer; null without a frame in the interval. */
  readonly bufferMs: number | null
}

export interface OutboundSnapshot {
  readonly atMs: number
  readonly bytesSent: number
  readonly framesEncoded: number
  readonly framesPerSecond: number
  readonly frameWidth: number
  readonly frameHeight: number
  readonly codec: string | null
  /** Last fraction reported by the far side, 0..1. */
  readonly loss: number
  readonly roundTripMs: number | null
}

export interface OutboundSummary extends Omit<OutboundSnapshot, 'atMs' | 'bytesSent'> {
  readonly bitrateBps: number
}

type Entry = Readonly<Record<string, unknown>>

function entries(report: RTCStatsReport): Entry[] {
  const list: Entry[] = []
  report.forEach((entry: Entry) => list.push(entry))
  return list
}

function number(entry: Entry | undefined, key: string): number {
  const value = entry?.[key]
  return typeof value === 'number' ? value : 0
}

function sum(list: readonly Entry[], key: string): number {
  return list.reduce((total, entry) => total + number(entry, key), 0)
}

function roundTripMs(list: readonly Entry[]): number | null {
  const pair = list.find((entry) => entry['type'] === 'candidate-pair' && entry['nominated'] === true)
  const seconds = pair?.['currentRoundTripTime']
  return typeof seconds === 'number' ? seconds * 1000 : null
}

export function inboundSnapshot(report: RTCStatsReport, atMs: number): InboundSnapshot {
  const all = entries(report)
  const inbound = all.filter((entry) => entry['type'] === 'inbound-rtp')
  // Several video slots: the widest one that decodes is what the viewer looks at.
  const video = inbound
    .filter((entry) => entry['kind'] === 'video')
    .sort((a, b) => number(b, 'framesDecoded') - number(a, 'framesDecoded'))[0]
  return {
    atMs,
    bytesReceived: sum(inbound, 'bytesReceived'),
    packetsReceived: sum(inbound, 'packetsReceived'),
    packetsLost: sum(inbound, 'packetsLost'),
    framesDecoded: number(video, 'framesDecoded'),
    framesPerSecond: number(video, 'framesPerSecond'),
    frameWidth: number(video, 'frameWidth'),
    frameHeight: number(video, 'frameHeight'),
    roundTripMs: roundTripMs(all),
    jitterBufferDelayS: number(video, 'jitterBufferDelay'),
    jitterBufferEmitted: number(video, 'jitterBufferEmittedCount'),
  }
}

export function summariseInbound(before: InboundSnapshot, after: InboundSnapshot): InboundSummary {
  const received = Math.max(0, after.packetsReceived - before.packetsReceived)
  // packetsLost may fall when a late packet arrives after all.
  const lost = Math.max(0, after.packetsLost - before.packetsLost)
  const emitted = after.jitterBufferEmitted - before.jitterBufferEmitted
  const delayS = after.jitterBufferDelayS - before.jitterBufferDelayS
  return {
    bitrateBps: rate(after.bytesReceived - before.bytesReceived, after.atMs - before.atMs),
    loss: received + lost === 0 ? 0 : lost / (received + lost),
    framesPerSecond: after.framesPerSecond,
    frameWidth: after.frameWidth,
    frameHeight: after.frameHeight,
    framesDecoded: after.framesDecoded,
    roundTripMs: after.roundTripMs,
    bufferMs: emitted > 0 ? (delayS / emitted) * 1000 : null,
  }
}

export function outboundSnapshot(report: RTCStatsReport, atMs: number): OutboundSnapshot {
  const all = entries(report)
  const outbound = all.filter((entry) => entry['type'] === 'outbound-rtp')
  // Of several layers the largest that is being sent: what most viewers look at.
  const video = outbound
    .filter((entry) => entry['kind'] === 'video')
    .sort((a, b) => Number(b['active'] !== false) - Number(a['active'] !== false) || number(b, 'frameWidth') - number(a, 'frameWidth'))[0]
  const remote = all.filter((entry) => entry['type'] === 'remote-inbound-rtp')
  const remoteVideo = remote.find((entry) => entry['kind'] === 'video') ?? remote[0]
  const codec = all.find((entry) => entry['id'] === video?.['codecId'])?.['mimeType']
  const reported = remoteVideo?.['roundTripTime']
  return {
    atMs,
    bytesSent: sum(outbound, 'bytesSent'),
    framesEncoded: number(video, 'framesEncoded'),
    framesPerSecond: number(video, 'framesPerSecond'),
    frameWidth: number(video, 'frameWidth'),
    frameHeight: number(video, 'frameHeight'),
    codec: typeof codec === 'string' ? codec.replace(/^video\//, '') : null,
    loss: number(remoteVideo, 'fractionLost'),
    roundTripMs: typeof reported === 'number' ? reported * 1000 : roundTripMs(all),
  }
}

export function summariseOutbound(before: OutboundSnapshot, after: OutboundSnapshot): OutboundSummary {
  const { atMs, bytesSent, ...rest } = after
  return { ...rest, bitrateBps: rate(bytesSent - before.bytesSent, atMs - before.atMs) }
}

function rate(bytes: number, intervalMs: number): number {
  return intervalMs <= 0 ? 0 : Math.max(0, Math.round((bytes * 8000) / intervalMs))
}
