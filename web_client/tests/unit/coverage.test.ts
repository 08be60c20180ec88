import { mount } from '@vue/test-utils'
import { describe, expect, it } from 'vitest'
import type { Card, Coverage, CoverageSpan, Evidence, MyCoverage } from '@/api/types'
import CoverageBar from '@/components/CoverageBar.vue'
import { progressOf, stretches } from '@/formatting/coverage'
import { unfinishedFirst } from '@/formatting/lessons'
import { recordLines, standing, wallTime, whyParams } from '@/formatting/record'
import { i18n } from '@/i18n'

const minute = 60_000

function coverage(minutes: number, ...spans: [CoverageSpan['kind'], number, number][]): Coverage {
  const made = spans.map(([kind, start, end]) => ({ kind, start_ms: start * minute, end_ms: end * minute }))
  const of = (kind: string) => made.filter((one) => one.kind === kind).reduce((sum, one) => sum + one.end_ms - one.start_ms, 0)
  const covered = of('live') + of('replay') + of('bridged')
  return { length_ms: minutes * minute, spans: made, live_ms: of('live'), replay_ms: of('replay'), bridged_ms: of('bridged'), covered_ms: covered, share_percent_hundredths: Math.floor((covered / (minutes * minute)) * 10_000) }
}

describe('stretches', () => {
  it('fill the programme from 0 to its end, gaps included', () => {
    const kinds = stretches(coverage(45, ['live', 2, 29], ['replay', 31, 45])).map((one) => [one.kind, one.start_ms / minute, one.end_ms / minute])
    expect(kinds).toEqual([['uncovered', 0, 2], ['live', 2, 29], ['uncovered', 29, 31], ['replay', 31, 45]])
  })

  it('join touching spans of one kind and leave an unseen programme as one gap', () => {
    expect(stretches(coverage(10, ['live', 0, 4], ['live', 4, 10]))).toHaveLength(1)
    expect(stretches(coverage(10))).toEqual([{ kind: 'uncovered', start_ms: 0, end_ms: 10 * minute }])
  })
})

describe('progress of a lesson', () => {
  it('tells unseen, done, left and a missed beginning apart', () => {
    expect(progressOf(null).state).toBe('unseen')
    expect(progressOf(coverage(10)).state).toBe('unseen')
    expect(progressOf(coverage(10, ['live', 0, 10])).state).toBe('done')
    expect(progressOf(coverage(12, ['live', 0, 7]))).toEqual({ state: 'left', missing_ms: 5 * minute })
    expect(progressOf(coverage(10, ['live', 2, 10]))).toEqual({ state: 'missed_beginning', missing_ms: 2 * minute })
  })

  it('puts the unfinished before the unseen before the finished', () => {
    const card = (id: string, day: number) => ({ id, scheduled_start: `2026-11-0${day}T11:00:00Z`, actual_start: null }) as Card
    const mine = (id: string, seen: Coverage) => [id, { gathering_id: id, coverage: seen, attendance_status: null, makeup_status: null, credit: null }] as const
    const known: ReadonlyMap<string, MyCoverage> = new Map([mine('done', coverage(10, ['live', 0, 10])), mine('half', coverage(10, ['live', 0, 5]))])
    const order = unfinishedFirst([card('done', 9), card('old', 1), card('new', 5), card('half', 2)], known).map((one) => one.id)
    expect(order).toEqual(['half', 'new', 'old', 'done'])
  })
})

describe('CoverageBar', () => {
  const bar = (value: Coverage) => mount(CoverageBar, { props: { coverage: value, label: '课桌' }, global: { plugins: [i18n] } })

  it('places every span by its share and gives each kind its own pattern', () => {
    const pieces = bar(coverage(40, ['live', 0, 10], ['bridged', 10, 12], ['replay', 20, 40])).findAll('span')
    expect(pieces.map((one) => one.classes().at(-1))).toEqual(['live', 'bridged', 'replay'])
    expect(pieces.map((one) => (one.element as HTMLElement).style.width)).toEqual(['25%', '5%', '50%'])
    expect((pieces[2]?.element as HTMLElement).style.left).toBe('50%')
  })

  it('says in words what the patterns show', () => {
    expect(bar(coverage(10, ['live', 2, 10])).attributes('aria-label')).toBe('课桌；00:00 至 02:00 未覆盖；02:00 至 10:00 直播在场')
  })
})

describe('a record told as lines', () => {
  const start = '2026-11-23T11:00:00Z'
  const live = (from: number, to: number, at: number): Evidence => ({
    kind: 'live', from: new Date(Date.parse(start) + from * minute).toISOString(), to: null, programme_start_ms: at * minute, programme_end_ms: (at + to - from) * minute, detail: null,
  })

  it('makes one line of live time with its bridged silence and brings the evidence', () => {
    const evidence = [live(2, 17, 2), live(17.5, 29, 17.5)]
    const [, line] = recordLines({ coverage: coverage(45, ['live', 2, 17], ['bridged', 17, 17.5], ['live', 17.5, 29]), evidence })
    expect(line).toMatchObject({ kind: 'live', covered_ms: 27 * minute, bridged_ms: 30_000, bridges: 1 })
    expect(line?.evidence).toHaveLength(2)
  })

  it('reads wall time through the evidence, so that a break does not shift it', () => {
    const evidence = [live(0, 20, 0), live(30, 50, 20)]
    expect(wallTime(25 * minute, evidence, start)?.toISOString()).toBe('2026-11-23T11:35:00.000Z')
    expect(wallTime(5 * minute, [], start)?.toISOString()).toBe('2026-11-23T11:05:00.000Z')
    expect(wallTime(5 * minute, [], null)).toBeNull()
  })

  it('colours nothing as wrong that nobody judged', () => {
    expect(standing({ attendance_status: 'left_early', makeup_status: 'made_up' })).toBe('ok')
    expect(standing({ attendance_status: 'absent', makeup_status: 'none' })).toBe('warn')
    expect(standing({ attendance_status: 'on_leave', makeup_status: 'none' })).toBe('neutral')
    expect(standing({ attendance_status: null, makeup_status: null })).toBe('neutral')
  })

  it('turns the numbers of a reason into what people read', () => {
    expect(whyParams({ covered_ms: 461_000, percent_hundredths: 9111, percent: 90, ms: 22_000, grace_ms: 10 * minute })).toEqual({ covered: '07:41', percent_share: 91, percent: 90, seconds: 22, grace: 10 })
  })
})
