/** The order and the groups of a roll: undecided first, then by branch and name; never by amount, a roll is no ranking. */
import type { RollRow } from '@/api/types'

export function rollOrder(rows: readonly RollRow[]): RollRow[] {
  const collator = new Intl.Collator('zh-CN')
  const open = (row: RollRow) => (row.proposal ? 0 : 1)
  return [...rows].sort((one, other) =>
    open(one) - open(other) || collator.compare(one.branch?.name ?? '', other.branch?.name ?? '') || collator.compare(one.person.name, other.person.name))
}

/** `undecided`, then every status that occurs, with how many. */
export function rollGroups(rows: readonly RollRow[]): { value: string; count: number }[] {
  const counts = new Map<string, number>()
  for (const row of rows) counts.set(row.attendance_status, (counts.get(row.attendance_status) ?? 0) + 1)
  const undecided = rows.filter((row) => row.proposal).length
  return [{ value: 'all', count: rows.length }, ...(undecided > 0 ? [{ value: 'undecided', count: undecided }] : []), ...[...counts].map(([value, count]) => ({ value, count }))]
}

export const inGroup = (row: RollRow, group: string) => group === 'all' || (group === 'undecided' ? row.proposal : row.attendance_status === group)
