import { describe, expect, it } from 'vitest'
import type { Organisation, RollRow } from '@/api/types'
import { inGroup, rollGroups, rollOrder } from '@/formatting/roll'
import { membersBelow, treeRows } from '@/formatting/tree'
import { blankDraft, changesOf, creditHundredths, draftProblems, formOf } from '@/features/administration/gatherings/gatheringDraft'

const row = (name: string, branch: string, status: RollRow['attendance_status'], proposal: boolean) =>
  ({ person: { id: name, name }, branch: { id: branch, name: branch }, attendance_status: status, proposal }) as RollRow

describe('the roll', () => {
  const rows = [row('赵', 'B', 'present', false), row('钱', 'B', 'absent', true), row('孙', 'A', 'present', false)]

  it('has the undecided on top and no order by amount', () => {
    expect(rollOrder(rows).map((one) => one.person.name)).toEqual(['钱', '孙', '赵'])
  })

  it('groups by status and by what is undecided', () => {
    expect(rollGroups(rows)).toEqual([{ value: 'all', count: 3 }, { value: 'undecided', count: 1 }, { value: 'present', count: 2 }, { value: 'absent', count: 1 }])
    expect(rows.filter((one) => inGroup(one, 'undecided'))).toHaveLength(1)
  })
})

describe('the organisation tree', () => {
  const organisation = (code: string, parent: string | null) => ({ id: code, code, name: code, parent_id: parent }) as Organisation

  it('lists parents before children, siblings by code', () => {
    const rows = treeRows([organisation('O20', 'O00'), organisation('O10', 'O00'), organisation('O00', null), organisation('O11', 'O10')])
    expect(rows.map(({ organisation: { code }, depth }) => `${code}:${depth}`)).toEqual(['O00:0', 'O10:1', 'O11:2', 'O20:1'])
  })

  it('counts the members of everything below', () => {
    const tree = [organisation('O00', null), organisation('O10', 'O00'), organisation('O11', 'O10')].map((one, index) => ({ ...one, member_count: index }))
    expect([membersBelow(tree, 'O00'), membersBelow(tree, 'O11')]).toEqual([3, 2])
  })

  it('loses nobody to an unknown parent or a cycle', () => {
    expect(treeRows([organisation('A', 'gone'), organisation('B', 'C'), organisation('C', 'B')]).map((one) => one.organisation.code)).toEqual(['A', 'B', 'C'])
  })
})

describe('the form of a gathering', () => {
  const draft = () => ({ ...blankDraft(new Date('2026-11-23T04:00:00Z'), 'O20'), title: ' 读懂党章 ' })

  it('starts tomorrow evening with the own branch expected', () => {
    expect(draft()).toMatchObject({ start: '2026-11-24T19:00', end: '2026-11-24T20:00', organisation_ids: ['O20'] })
  })

  it('names what is missing before the server is asked', () => {
    expect(draftProblems(draft())).toEqual({})
    expect(draftProblems({ ...draft(), title: ' ', end: '2026-11-24T18:00', credit: 'viel', organisation_ids: [] })).toEqual({ title: 'missing', end: 'ends_before_start', credit: 'invalid', convened: 'missing' })
  })

  it('sends UTC, hundredths, and people chosen earlier only once', () => {
    const form = formOf({ ...draft(), credit: '0,5', people: [{ id: 'p1', name: '蒋' }], earlier_person_ids: ['p1', 'p2'] })
    expect(form).toMatchObject({ title: '读懂党章', scheduled_start: '2026-11-24T11:00:00Z', credit_hundredths: 50, column_id: null, convened: { organisation_ids: ['O20'], person_ids: ['p1', 'p2'] } })
    expect([creditHundredths('1'), creditHundredths('0.25'), creditHundredths('x')]).toEqual([100, 25, null])
  })

  it('never sends the organiser as a change, and after the start only words, column and release', () => {
    expect(changesOf(draft(), 'scheduled')).not.toHaveProperty('organisation_id')
    expect(Object.keys(changesOf(draft(), 'ended')).sort()).toEqual(['column_id', 'description', 'replay_release', 'title'])
  })
})
