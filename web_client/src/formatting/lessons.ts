/** The order of lessons on a shelf: begun but not finished, then not seen, then finished; inside each the newest first. */
import type { Card, MyCoverage } from '@/api/types'
import { progressOf } from './coverage'

const rank = { left: 0, missed_beginning: 0, unseen: 1, done: 2 }

export function unfinishedFirst(cards: readonly Card[], coverages: ReadonlyMap<string, MyCoverage>): Card[] {
  const rankOf = (card: Card) => rank[progressOf(coverages.get(card.id)?.coverage ?? null).state]
  const whenOf = (card: Card) => Date.parse(card.actual_start ?? card.scheduled_start)
  return [...cards].sort((one, other) => rankOf(one) - rankOf(other) || whenOf(other) - whenOf(one))
}
