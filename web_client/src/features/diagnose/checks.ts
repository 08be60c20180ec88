/** What /diagnose looks at, and the rules by which a measurement becomes a verdict. Pure; words are `diagnose.check.<name>.<code>`. */
import type { BrowserCapabilities } from '@/rtc/BrowserCapabilities'
import type { MediaReason } from '@/rtc/errors'
import type { Reach } from '@/rtc/Reachability'
import type { TrialQuality } from '@/rtc/TrialQuality'

export const groups = {
  browser: ['secure', 'browser', 'codecs'],
  network: ['server', 'channel', 'udp', 'tcp', 'relay', 'quality', 'picture', 'playlist'],
  devices: ['camera', 'microphone'],
} as const
export type GroupName = keyof typeof groups
export type CheckName = (typeof groups)[GroupName][number]

/** waiting: not asked for yet. note: works, or is not needed, but worth knowing. */
export type CheckState = 'waiting' | 'checking' | 'ok' | 'note' | 'problem'
export type Facts = Readonly<Record<string, string | number>>
export interface Check { readonly state: CheckState; readonly code: string; readonly facts: Facts }
export type Checks = Readonly<Record<CheckName, Check>>

export const check = (state: CheckState, code: string = state, facts: Facts = {}): Check => ({ state, code, facts })

/** A round that a talk still feels natural with; above it questions and answers overlap. */
const slowMs = 300
/** The players' buffers even out that much. */
const jitteryMs = 60
/** Retransmission hides a few percent; above that viewers see it. */
const lossBad = 0.03

export const judgeSecure = ({ isSecure }: BrowserCapabilities): Check => (isSecure ? check('ok') : check('problem', 'insecure'))
export const judgeBrowser = (found: BrowserCapabilities): Check => (found.hasWebRtc ? check('ok') : check('problem', 'missing'))

export function judgeCodecs({ hasWebRtc, sends, receives }: BrowserCapabilities): Check {
  if (!hasWebRtc) return check('problem', 'none')
  if (sends === null || receives === null) return check('note', 'untold')
  const facts = { sends: sends.join(' '), receives: receives.join(' ') }
  if (!receives.includes('H264')) return check('problem', 'no_h264', facts)
  return sends.includes('H264') ? check('ok', 'ok', facts) : check('note', 'receive_only', facts)
}

export function judgeReach({ outcome, roundTripMs }: Reach): Check {
  if (outcome === 'busy') return check('note', 'busy')
  if (outcome === 'blocked' || roundTripMs === null) return check('problem', 'blocked')
  const facts = { ms: Math.round(roundTripMs) }
  return roundTripMs > slowMs ? check('note', 'slow', facts) : check('ok', 'ok', facts)
}

const percent = (share: number | null) => (share === null ? '–' : (share * 100).toFixed(1))
const rounded = (ms: number | null) => (ms === null ? '–' : Math.round(ms))

export function judgeQuality(found: TrialQuality): Check {
  const facts = { ms: rounded(found.roundTripMs), jitter: rounded(found.jitterMs), up: percent(found.lossUp), down: percent(found.lossDown) }
  if (found.packetsReceived === 0) return check('problem', 'silent', facts)
  if (Math.max(found.lossUp ?? 0, found.lossDown ?? 0) > lossBad) return check('problem', 'lossy', facts)
  if ((found.roundTripMs ?? 0) > slowMs) return check('note', 'slow', facts)
  return (found.jitterMs ?? 0) > jitteryMs ? check('note', 'jittery', facts) : check('ok', 'ok', facts)
}

export function judgePicture({ framesDecoded, codec }: TrialQuality): Check {
  if (framesDecoded === 0) return check('problem', 'nothing')
  return check('ok', 'ok', { codec: codec ?? '–', frames: framesDecoded })
}

export const judgeDevice = (problem: MediaReason | null, count: number): Check => (problem === null ? check('ok', 'ok', { n: count }) : check('problem', problem))

export type Answer = 'checking' | 'good' | 'weak' | 'fallback' | 'limited' | 'untried' | 'unknown' | 'bad'

const isOpen = ({ state }: Check) => state === 'checking' || state === 'waiting'
const fails = ({ state }: Check) => state === 'problem'

/** Whether media gets through at all: by any of the paths. */
function mediaOf(checks: Checks): 'checking' | 'unknown' | 'good' | 'weak' | 'bad' {
  const paths = [checks.udp, checks.tcp, checks.relay]
  if (paths.some(isOpen) || isOpen(checks.quality)) return 'checking'
  if (checks.udp.code === 'busy') return 'unknown'
  if (!paths.some(({ state }) => state === 'ok')) return 'bad'
  return fails(checks.quality) || fails(checks.udp) ? 'weak' : 'good'
}

/** May this device watch lectures? */
export function watchAnswer(checks: Checks): Answer {
  const needed = [checks.browser, checks.codecs, checks.server, checks.channel, checks.playlist]
  const media = mediaOf(checks)
  if (needed.some(isOpen) || media === 'checking') return 'checking'
  if (fails(checks.server)) return 'bad'
  const canDecode = !fails(checks.browser) && !fails(checks.codecs)
  if (!canDecode || media === 'bad') return fails(checks.playlist) ? 'bad' : 'fallback'
  if (media === 'unknown') return 'unknown'
  return media === 'weak' || fails(checks.channel) ? 'weak' : 'good'
}

/** May this device lecture? */
export function lectureAnswer(checks: Checks): Answer {
  const media = mediaOf(checks)
  if ([checks.secure, checks.browser, checks.codecs, checks.server].some(isOpen) || media === 'checking') return 'checking'
  const devices = [checks.camera, checks.microphone]
  if ([checks.secure, checks.browser, checks.codecs, checks.server].some(fails) || media === 'bad' || devices.every(fails)) return 'bad'
  if (media === 'unknown') return 'unknown'
  if (devices.some(isOpen)) return 'untried'
  if (checks.codecs.state === 'note') return 'limited'
  return media === 'weak' || devices.some(fails) || fails(checks.channel) ? 'weak' : 'good'
}
