/**
 * Trickle-ICE SDP fragments for PATCH (application/trickle-ice-sdpfrag).
 * Pure text in, pure text out. Source: RFC 8840 §9, RFC 9725 §4.3.
 */
export interface IceCredentials {
  readonly ufrag: string
  readonly pwd: string
}

export interface SdpFragment extends IceCredentials {
  /** Values of `a=candidate:` lines without the `a=`. */
  readonly candidates: readonly string[]
}

const LINE = /\r\n|\r|\n/
const REPLACED = ['a=ice-ufrag:', 'a=ice-pwd:', 'a=candidate:', 'a=end-of-candidates']

function attribute(lines: readonly string[], name: string): string | null {
  const line = lines.find((candidate) => candidate.startsWith(`a=${name}:`))
  return line === undefined ? null : line.slice(name.length + 3).trim()
}

/**
 * The fragment that asks for an ICE restart: the credentials of a fresh local
 * offer, the bundled first media section, no candidates (the server is ICE
 * lite with public addresses and learns ours from the checks).
 *
 * @returns null when the offer has no ICE credentials.
 */
export function fragmentForRestart(offerSdp: string): string | null {
  const lines = offerSdp.split(LINE)
  const ufrag = attribute(lines, 'ice-ufrag')
  const pwd = attribute(lines, 'ice-pwd')
  const mLine = lines.find((line) => line.startsWith('m='))
  const mid = attribute(lines, 'mid')
  if (ufrag === null || pwd === null || mLine === undefined || mid === null) {
    return null
  }
  const group = lines.find((line) => line.startsWith('a=group:BUNDLE'))
  return [
    ...(group === undefined ? [] : [group]),
    `a=ice-ufrag:${ufrag}`,
    `a=ice-pwd:${pwd}`,
    mLine,
    `a=mid:${mid}`,
    '',
  ].join('\r\n')
}

/** @returns null when the text holds no ICE credentials. */
export function parseFragment(text: string): SdpFragment | null {
  const lines = text.split(LINE)
  const ufrag = attribute(lines, 'ice-ufrag')
  const pwd = attribute(lines, 'ice-pwd')
  if (ufrag === null || pwd === null) {
    return null
  }
  const candidates = lines
    .filter((line) => line.startsWith('a=candidate:'))
    .map((line) => line.slice(2).trim())
  return { ufrag, pwd, candidates }
}

/**
 * The answer SDP after a restart: the old one with new ICE credentials in
 * every media section and candidates in the first, all else untouched
 * (RFC 9725 §4.3.3; the bundle has one transport, RFC 9143 §10).
 */
export function applyFragment(answerSdp: string, fragment: SdpFragment): string {
  const kept = answerSdp
    .split(LINE)
    .filter((line) => line !== '' && !REPLACED.some((prefix) => line.startsWith(prefix)))
  const starts = kept.flatMap((line, index) => (line.startsWith('m=') ? [index] : []))
  const sections = starts.map((start, index) => kept.slice(start, starts[index + 1]))
  const result = kept.slice(0, starts[0])
  sections.forEach((section, index) => {
    result.push(...section, `a=ice-ufrag:${fragment.ufrag}`, `a=ice-pwd:${fragment.pwd}`)
    if (index === 0) {
      result.push(...fragment.candidates.map((candidate) => `a=${candidate}`), 'a=end-of-candidates')
    }
  })
  return `${result.join('\r\n')}\r\n`
}
