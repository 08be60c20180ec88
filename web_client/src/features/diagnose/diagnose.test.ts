import { mount } from '@vue/test-utils'
import { describe, expect, it } from 'vitest'
import { i18n, useLocale } from '@/i18n'
import type { BrowserCapabilities } from '@/rtc/BrowserCapabilities'
import type { TrialQuality } from '@/rtc/TrialQuality'
import CheckRow from './CheckRow.vue'
import { check, groups, judgeCodecs, judgeDevice, judgePicture, judgeQuality, judgeReach, judgeSecure, lectureAnswer, watchAnswer, type Check, type CheckName, type Checks } from './checks'
import { reportText } from './report'

const names = Object.values(groups).flat()
const all = (one: Check, changes: Partial<Checks> = {}): Checks => ({ ...(Object.fromEntries(names.map((name) => [name, one])) as Checks), ...changes })
const fine = all(check('ok'))
const browser: BrowserCapabilities = { isSecure: true, hasWebRtc: true, sends: ['VP8', 'H264'], receives: ['VP8', 'H264'], playsPlaylist: true }
const quality: TrialQuality = { roundTripMs: 12, jitterMs: 3, lossUp: 0, lossDown: 0.001, packetsSent: 200, packetsReceived: 200, framesDecoded: 80, codec: 'H264' }

describe('judging', () => {
  it('codecs: what a recorded lecture needs', () => {
    expect(judgeCodecs(browser)).toMatchObject({ state: 'ok', facts: { sends: 'VP8 H264' } })
    expect(judgeCodecs({ ...browser, sends: ['VP8'] })).toMatchObject({ state: 'note', code: 'receive_only' })
    expect(judgeCodecs({ ...browser, receives: ['VP8'] })).toMatchObject({ state: 'problem', code: 'no_h264' })
    expect(judgeCodecs({ ...browser, sends: null })).toMatchObject({ state: 'note', code: 'untold' })
    expect(judgeCodecs({ ...browser, hasWebRtc: false })).toMatchObject({ state: 'problem', code: 'none' })
    expect(judgeSecure({ ...browser, isSecure: false })).toMatchObject({ state: 'problem', code: 'insecure' })
  })

  it('the line: loss is worse than delay, delay worse than jitter', () => {
    expect(judgeQuality(quality)).toEqual({ state: 'ok', code: 'ok', facts: { ms: 12, jitter: 3, up: '0.0', down: '0.1' } })
    expect(judgeQuality({ ...quality, lossUp: 0.08, roundTripMs: 900 })).toMatchObject({ state: 'problem', code: 'lossy' })
    expect(judgeQuality({ ...quality, roundTripMs: 900, jitterMs: 200 })).toMatchObject({ state: 'note', code: 'slow' })
    expect(judgeQuality({ ...quality, jitterMs: 200 })).toMatchObject({ state: 'note', code: 'jittery' })
    expect(judgeQuality({ ...quality, packetsReceived: 0, lossUp: null, roundTripMs: null })).toMatchObject({ state: 'problem', code: 'silent', facts: { ms: '–', up: '–' } })
    expect(judgePicture({ ...quality, framesDecoded: 0 })).toMatchObject({ state: 'problem', code: 'nothing' })
  })

  it('reach and devices', () => {
    expect(judgeReach({ outcome: 'ok', roundTripMs: 10.4 })).toEqual({ state: 'ok', code: 'ok', facts: { ms: 10 } })
    expect(judgeReach({ outcome: 'ok', roundTripMs: 700 }).code).toBe('slow')
    expect(judgeReach({ outcome: 'blocked', roundTripMs: null }).state).toBe('problem')
    expect(judgeReach({ outcome: 'busy', roundTripMs: null }).state).toBe('note')
    expect(judgeDevice('in_use', 0)).toMatchObject({ state: 'problem', code: 'in_use' })
  })
})

describe('the two answers', () => {
  const problem = check('problem')
  const blocked = { udp: check('problem', 'blocked'), tcp: check('note', 'absent'), relay: check('note', 'absent'), quality: check('note', 'skipped'), picture: check('note', 'skipped') }
  const untried = { camera: check('waiting'), microphone: check('waiting') }
  it.each<[string, Checks, string, string]>([
    ['all is fine', fine, 'good', 'good'],
    ['nothing is known yet', all(check('checking')), 'checking', 'checking'],
    ['devices were not tried', { ...fine, ...untried }, 'good', 'untried'],
    ['no fall-backs are configured', { ...fine, tcp: check('note', 'absent'), relay: check('note', 'absent') }, 'good', 'good'],
    ['UDP is closed and nothing stands in', { ...fine, ...blocked }, 'fallback', 'bad'],
    ['UDP is closed and TCP stands in', { ...fine, ...blocked, tcp: check('ok'), quality: check('ok') }, 'weak', 'weak'],
    ['UDP is closed and the relay stands in', { ...fine, ...blocked, relay: check('ok') }, 'weak', 'weak'],
    ['UDP is closed and so is the playlist', { ...fine, ...blocked, playlist: problem }, 'bad', 'bad'],
    ['the address is not secure', { ...fine, secure: problem }, 'good', 'bad'],
    ['the browser has no WebRTC', { ...fine, ...blocked, browser: problem, codecs: problem, udp: check('note', 'skipped') }, 'fallback', 'bad'],
    ['H264 can be watched only', { ...fine, codecs: check('note', 'receive_only') }, 'good', 'limited'],
    ['the channel is blocked', { ...fine, channel: problem }, 'weak', 'weak'],
    ['much is lost', { ...fine, quality: problem }, 'weak', 'weak'],
    ['the server was too busy to try', { ...fine, udp: check('note', 'busy'), tcp: check('note', 'busy'), relay: check('note', 'busy'), quality: check('note', 'busy') }, 'unknown', 'unknown'],
    ['the server does not answer', { ...fine, server: problem }, 'bad', 'bad'],
    ['there is a microphone and no camera', { ...fine, camera: problem }, 'good', 'weak'],
    ['there is neither', { ...fine, camera: problem, microphone: problem }, 'good', 'bad'],
  ])('when %s', (_what, checks, watch, lecture) => {
    expect([watchAnswer(checks), lectureAnswer(checks)]).toEqual([watch, lecture])
  })
})

describe('the words', () => {
  const paths = ['ok', 'blocked', 'absent', 'busy', 'skipped']
  const devices = ['waiting', 'ok', 'insecure_context', 'unsupported', 'denied', 'denied_by_system', 'dismissed', 'not_found', 'in_use', 'unknown']
  const codes: Record<CheckName, string[]> = {
    secure: ['ok', 'insecure'], browser: ['ok', 'missing'], codecs: ['ok', 'untold', 'none', 'no_h264', 'receive_only'],
    server: ['ok', 'slow', 'blocked'], channel: ['ok', 'slow', 'blocked', 'busy'], udp: paths, tcp: paths, relay: paths,
    quality: ['ok', 'silent', 'lossy', 'slow', 'jittery', 'skipped', 'busy'], picture: ['ok', 'nothing', 'skipped', 'busy'],
    playlist: ['ok', 'unsupported', 'blocked'], camera: devices, microphone: devices,
  }
  it.each(['zh-CN', 'en'] as const)('say in %s what each finding means, and of each problem what to do', async (locale) => {
    await useLocale(locale)
    for (const name of names) {
      for (const code of ['checking', ...codes[name]]) {
        const state = code === 'checking' ? 'checking' : code === 'ok' ? 'ok' : 'problem'
        const wrapper = mount(CheckRow, { props: { name, found: check(state, code) }, global: { plugins: [i18n] } })
        const lines = wrapper.findAll('p').map((line) => line.text())
        expect(wrapper.text(), `${name}.${code}`).not.toMatch(/diagnose\.|[{}]/)
        const mayBeLeft = code === 'absent' || code === 'skipped' || code === 'untold' || code === 'waiting'
        expect(lines.length, `${name}.${code}`).toBeGreaterThanOrEqual(state === 'problem' && !mayBeLeft ? 3 : 2)
      }
    }
    await useLocale('zh-CN')
  })
})

it('the report says everything and names nobody', () => {
  const words = { title: 'Report', nameOf: (name: CheckName) => name, stateOf: ({ state }: Check) => state, meaningOf: () => 'meaning' }
  const text = reportText({ ...fine, udp: check('problem', 'blocked'), quality: judgeQuality(quality) }, words, { origin: 'https://z.example', browser: 'Browser/1', at: new Date(0) })
  expect(text.split('\n').slice(0, 3)).toEqual(['Report', '1970-01-01T00:00:00.000Z · https://z.example', 'Browser/1'])
  for (const name of names) expect(text).toContain(`{${name}.`)
  expect(text).toContain('[problem] udp: meaning {udp.blocked}')
  expect(text).toContain('(ms=12, jitter=3, up=0.0, down=0.1)')
  expect(text).not.toMatch(/\d+\.\d+\.\d+\.\d+/)
})
