/** My coverage of one gathering: read when the page opens and when its state changes, updated by the replay's reports. */
import { onScopeDispose, shallowRef } from 'vue'
import { readMyCoverage } from '@/api/records'
import type { Coverage, MyCoverage } from '@/api/types'

export function useMyCoverage(gatheringId: string) {
  const mine = shallowRef<MyCoverage | null>(null)
  let turn = 0

  async function read(): Promise<void> {
    const asked = ++turn
    try {
      const { items } = await readMyCoverage([gatheringId])
      if (asked === turn) mine.value = items[0] ?? null
    } catch {
      // The bar is an addition to the page: without an answer the old one stays, and the next change asks again.
    }
  }
  /** The answer to a progress report is newer than anything read before it. */
  function take(coverage: Coverage): void {
    turn += 1
    if (mine.value === null) void read()
    else mine.value = { ...mine.value, coverage }
  }
  onScopeDispose(() => (turn += 1))
  void read()
  return { mine, read, take }
}
