/** The organisation tree as an indented list: parents before children, siblings by code. */
import type { Organisation } from '@/api/types'

/** How many people are at home in an organisation and everything below it. */
export function membersBelow(organisations: readonly Organisation[], id: string, seen: ReadonlySet<string> = new Set()): number {
  if (seen.has(id)) return 0
  const here = new Set([...seen, id])
  return organisations.reduce((sum, one) => sum + (one.id === id ? one.member_count : one.parent_id === id ? membersBelow(organisations, one.id, here) : 0), 0)
}

export interface TreeRow { organisation: Organisation; depth: number }

/** Organisations whose parent is unknown stand at the root; a cycle can hide nothing, its members come last. */
export function treeRows(organisations: readonly Organisation[]): TreeRow[] {
  const known = new Set(organisations.map((one) => one.id))
  const sorted = [...organisations].sort((one, other) => one.code.localeCompare(other.code))
  const childrenOf = (parent: string) => sorted.filter((one) => (one.parent_id !== null && known.has(one.parent_id) ? one.parent_id : '') === parent)
  const rows: TreeRow[] = []
  const seen = new Set<string>()
  const walk = (parent: string, depth: number) => {
    for (const organisation of childrenOf(parent)) {
      if (seen.has(organisation.id)) continue
      seen.add(organisation.id)
      rows.push({ organisation, depth })
      walk(organisation.id, depth + 1)
    }
  }
  walk('', 0)
  return [...rows, ...organisations.filter((one) => !seen.has(one.id)).map((organisation) => ({ organisation, depth: 0 }))]
}
