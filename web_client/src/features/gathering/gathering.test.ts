import { mount } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { nextTick, ref } from 'vue'
import { createMemoryHistory, createRouter } from 'vue-router'
import type { Coverage, Detail, MyCoverage, PageState } from '@/api/types'
import { i18n } from '@/i18n'
import LinkBanner from './LinkBanner.vue'
import { linkStateOf, type LinkInput } from './linkState'
import ReplaySection from './ReplaySection.vue'
import StageNotice from './StageNotice.vue'
import { stateViews } from './stateViews'
import { timeUntil } from './timeUntil'
import { useAnnounced } from './useAnnounced'

/** The real names and addresses, without the real pages. */
const nothing = { render: () => null }
const pages = [['home', '/'], ['record', '/record'], ['gathering', '/gatherings/:id'], ['studio', '/gatherings/:id/studio'], ['edit-gathering', '/administration/gatherings/:id'], ['diagnose', '/diagnose']].map(([name, path]) => ({ name: name ?? '', path: path ?? '', component: nothing }))
const router = createRouter({ history: createMemoryHistory(), routes: pages })
const global = { plugins: [i18n, router] }
const ref_ = (name: string) => ({ id: name, name })
const detail = (page_state: PageState, over: Partial<Detail> = {}) => ({
  id: 'g', code: 'K', title: '校史馆里的一张旧课桌', kind: 'micro_lesson', state: 'ended', page_state, organisation: ref_('教工第一党支部'), lecturer: ref_('赵甲子'), column: null,
  scheduled_start: '2026-11-23T11:00:00Z', scheduled_end: '2026-11-23T12:00:00Z', actual_start: null, actual_end: '2026-11-23T12:00:00Z', viewer_count: null, duration_ms: null, records: true,
  convened: true, credit_hundredths: 25, has_poster: false, description: '', may_watch: 'college', replay_release: 'at_end',
  permissions: { watch: true, publish: false, host: false, hold_roll: false, edit: false }, recording: { state: 'published', reason_off: null },
  programme: { ms: 0, running: false, as_of: '2026-11-23T12:00:00Z' }, rules: { threshold_percent: 80, makeup_percent: 80, makeup_days: 30 }, host: ref_('赵甲子'), calendar_url: '/c.ics', ...over,
}) as Detail

describe('every state', () => {
  const told = (Object.keys(stateViews) as PageState[]).filter((state) => state !== 'live' && state !== 'replay')

  it.each(told)('%s has an icon, words and exactly one action', (state) => {
    const wrapper = mount(StageNotice, { props: { detail: detail(state), state, over: stateViews[state].stage === 'live' }, global })
    expect(wrapper.find('svg').exists()).toBe(true)
    expect(wrapper.get('h2').text()).not.toMatch(/gathering\./)
    expect(wrapper.text()).not.toMatch(/[{}]|gathering\.|undefined/)
    expect(wrapper.findAll('a, button')).toHaveLength(1)
  })

  it('leads the lecturer to the studio where a viewer waits', () => {
    const permissions = { watch: true, publish: true, host: true, hold_roll: false, edit: true }
    const wrapper = mount(StageNotice, { props: { detail: detail('waiting', { permissions }), state: 'waiting' }, global })
    expect(wrapper.get('a').attributes('href')).toBe('/gatherings/g/studio')
  })

  it('says that a kind which is never recorded has no replay by rule', () => {
    const wrapper = mount(StageNotice, { props: { detail: detail('not_recorded', { records: false }), state: 'not_recorded' }, global })
    expect(wrapper.text()).toContain('按规定')
  })
})

describe('link state', () => {
  const picture = { mode: 'webrtc', link: 'connected', isReconnecting: false } as const
  it.each([
    [{ channel: 'open', closeCode: null, picture }, 'good'],
    [{ channel: 'connecting', closeCode: null, picture: null }, 'connecting'],
    [{ channel: 'open', closeCode: null, picture: { ...picture, link: 'idle' } }, 'connecting'],
    [{ channel: 'reconnecting', closeCode: null, picture }, 'reconnecting'],
    [{ channel: 'open', closeCode: null, picture: { ...picture, isReconnecting: true } }, 'reconnecting'],
    [{ channel: 'open', closeCode: null, picture: { ...picture, mode: 'playlist' } }, 'degraded'],
    [{ channel: 'refused', closeCode: 4409, picture }, 'other_device'],
    [{ channel: 'refused', closeCode: 4401, picture }, 'signed_out'],
  ] as [LinkInput, string][])('of %o is %s', (input, expected) => {
    expect(linkStateOf(input)).toBe(expected)
  })
})

describe('with a clock', () => {
  beforeEach(() => vi.useFakeTimers())
  afterEach(() => vi.useRealTimers())

  it('the banner keeps silent about a loss shorter than two seconds', async () => {
    const wrapper = mount(LinkBanner, { props: { link: 'reconnecting' }, global })
    vi.advanceTimersByTime(1900)
    await nextTick()
    expect(wrapper.text()).toBe('')
    vi.advanceTimersByTime(200)
    await nextTick()
    expect(wrapper.text()).toContain('正在重新连接')
    await wrapper.setProps({ link: 'good' })
    expect(wrapper.text()).toBe('')
  })

  it('counts are announced at most every ten seconds', async () => {
    const count = ref(1)
    const heard: number[] = []
    mount({ setup: () => ({ announced: useAnnounced(count) }), watch: { announced: (value: number) => heard.push(value) }, template: '<p>{{ announced }}</p>' })
    for (let second = 0; second < 25; second += 1) {
      count.value += 1
      await nextTick()
      vi.advanceTimersByTime(1000)
    }
    await nextTick()
    expect(heard).toHaveLength(2)
  })
})

describe('time until the start', () => {
  it('shows the two or three units that matter', () => {
    expect(timeUntil(2 * 86_400_000 + 3 * 3_600_000)).toEqual([{ unit: 'days', value: '2' }, { unit: 'hours', value: '3' }])
    expect(timeUntil(65_000)).toEqual([{ unit: 'minutes', value: '01' }, { unit: 'seconds', value: '05' }])
    expect(timeUntil(-5)).toEqual([{ unit: 'minutes', value: '00' }, { unit: 'seconds', value: '00' }])
  })
})

describe('what is missing', () => {
  const coverage: Coverage = {
    length_ms: 60_000, spans: [{ kind: 'live', start_ms: 20_000, end_ms: 60_000 }], live_ms: 40_000, replay_ms: 0, bridged_ms: 0, covered_ms: 40_000, share_percent_hundredths: 6666,
  }
  const mine: MyCoverage = { gathering_id: 'g', coverage, attendance_status: 'late', makeup_status: 'none', credit: null }

  it('is one button a gap, leading to its programme instant', async () => {
    const wrapper = mount(ReplaySection, { props: { detail: detail('replay'), mine, canWatch: true }, global })
    const [gap] = wrapper.findAll('button')
    expect(gap?.text()).toBe('补看 00:00 至 00:20')
    await gap?.trigger('click')
    expect(wrapper.emitted('watchFrom')).toEqual([[0]])
    expect(wrapper.text()).toContain('12月23日')
  })

  it('offers no way in where the replay may not be watched', () => {
    const wrapper = mount(ReplaySection, { props: { detail: detail('replay_pending_review'), mine, canWatch: false }, global })
    expect(wrapper.findAll('button')).toHaveLength(0)
    expect(wrapper.find('[role=img]').exists()).toBe(true)
  })
})
