import { mount } from '@vue/test-utils'
import { describe, expect, it } from 'vitest'
import type { StudioReport } from '@/api/types'
import { i18n } from '@/i18n'
import type { MediaReason } from '@/rtc/errors'
import type { OutboundSummary } from '@/rtc/StatsSummary'
import { createMemoryHistory, createRouter } from 'vue-router'
import CaptureProblem from './CaptureProblem.vue'
import { recorderHealth, recorderTone, softwareUplink, uplinkHealth, uplinkTone } from './health'
import { ffmpegCommand, whipAddress } from './streamTools'

/** The real names and addresses, without the real pages. */
const nothing = { render: () => null }
const pages = [['home', '/'], ['record', '/record'], ['gathering', '/gatherings/:id'], ['studio', '/gatherings/:id/studio'], ['edit-gathering', '/administration/gatherings/:id'], ['diagnose', '/diagnose']].map(([name, path]) => ({ name: name ?? '', path: path ?? '', component: nothing }))
const global = { plugins: [i18n, createRouter({ history: createMemoryHistory(), routes: pages })] }
const recorder = { state: 'recording', last_part_age_ms: 400, disk_free_ratio: 0.5, warnings: [] as string[] }
const report = (over: Partial<typeof recorder> | null = {}): StudioReport => ({ viewers: 1, peak_viewers: 1, uplink: null, publications: [], recorder: over === null ? null : { ...recorder, ...over } })

describe('recorder health', () => {
  it.each([
    [false, report(), 400, 0, 'off'],
    [true, null, null, 0, 'unknown'],
    [true, report(), 400, 7000, 'unknown'],
    [true, report(null), null, 0, 'starting'],
    [true, report(), 400, 0, 'ok'],
    [true, report(), 6000, 0, 'late'],
    [true, report({ state: 'paused' }), 6000, 0, 'paused'],
    [true, report({ disk_free_ratio: 0.05 }), 400, 0, 'disk_low'],
  ] as const)('records %s, report %o, part %s, answer %s old: %s', (records, given, partAgeMs, reportAgeMs, expected) => {
    expect(recorderHealth({ records, report: given, partAgeMs, reportAgeMs, isSending: true })).toBe(expected)
  })

  it('alarms nobody about parts that nobody sends', () => {
    expect(recorderHealth({ records: true, report: report(), partAgeMs: 60_000, reportAgeMs: 0, isSending: false })).toBe('waiting')
    expect(recorderTone('waiting')).toBe('neutral')
  })

  it('warns only of what needs somebody', () => {
    expect(recorderTone('ok')).toBe('ok')
    expect(recorderTone('starting')).toBe('neutral')
    for (const bad of ['late', 'paused', 'disk_low'] as const) expect(recorderTone(bad)).toBe('warn')
  })
})

describe('uplink health', () => {
  const stats = (loss: number) => ({ bitrateBps: 2_000_000, loss }) as OutboundSummary
  it('follows the connection first and the loss second', () => {
    expect(uplinkHealth('connected', stats(0.01))).toBe('ok')
    expect(uplinkHealth('connected', stats(0.1))).toBe('lossy')
    expect(uplinkHealth('reconnecting', stats(0))).toBe('reconnecting')
    expect(uplinkHealth('connecting', null)).toBe('connecting')
    expect(uplinkHealth('refused', null)).toBe('refused')
    expect(uplinkTone('lossy')).toBe('warn')
  })
})

describe('a capture that is not possible', () => {
  const reasons: MediaReason[] = ['insecure_context', 'unsupported', 'denied', 'denied_by_system', 'dismissed', 'not_found', 'in_use', 'unknown']
  it.each(reasons)('%s says why and what to do', (reason) => {
    const wrapper = mount(CaptureProblem, { props: { reason, busy: false }, global })
    expect(wrapper.text()).not.toMatch(/studio\.|[{}]/)
    expect(wrapper.get('h2').text().length).toBeGreaterThan(4)
  })

  it('on plain HTTP names the address that works on the same machine', () => {
    const wrapper = mount(CaptureProblem, { props: { reason: 'insecure_context', busy: false }, global })
    expect(wrapper.get('a').attributes('href')).toMatch(/^http:\/\/localhost/)
    expect(wrapper.text()).toContain('ZHIJIAN_TLS_CERT')
  })
})

describe('another program that sends', () => {
  const uplink = (over: Partial<NonNullable<StudioReport['uplink']>>): StudioReport => ({ ...report(), uplink: { bitrate_bps: 2_000_000, loss: 0, rtt_ms: null, state: 'live', ...over } })

  it('is known from the server alone', () => {
    expect(softwareUplink(null)).toBe('awaited')
    expect(softwareUplink(report())).toBe('awaited')
    expect(softwareUplink(uplink({ state: 'connecting' }))).toBe('awaited')
    expect(softwareUplink(uplink({}))).toBe('ok')
    expect(softwareUplink(uplink({ loss: 0.2 }))).toBe('lossy')
    expect(softwareUplink(uplink({ state: 'stalled' }))).toBe('stalled')
    expect([uplinkTone('awaited'), uplinkTone('stalled')]).toEqual(['neutral', 'warn'])
  })

  it('is told a whole address and a command that keeps the key out of the shell history', () => {
    const address = whipAddress('/whip/room', 'https://z.example')
    expect(address).toBe('https://z.example/whip/room')
    expect(ffmpegCommand(address, "it's.mp4")).toContain(`-i 'it'\\''s.mp4' `)
    expect(ffmpegCommand(address)).toMatch(/-bf 0 .*-f whip -authorization "\$KEY" 'https:\/\/z\.example\/whip\/room'$/)
  })
})
