/** The reader's own coverage of many gatherings, by id; pages show without it when it does not come. */
import { shallowRef } from 'vue'
import { readMyCoverage } from '@/api/records'
import type { MyCoverage } from '@/api/types'

const atMost = 100

export function useCoverages() {
  const coverages = shallowRef<ReadonlyMap<string, MyCoverage>>(new Map())

  async function read(ids: readonly string[]): Promise<void> {
    const pages = Array.from({ length: Math.ceil(ids.length / atMost) }, (_, n) => ids.slice(n * atMost, (n + 1) * atMost))
    try {
      const answers = await Promise.all(pages.map((page) => readMyCoverage(page)))
      coverages.value = new Map(answers.flatMap((answer) => answer.items.map((item) => [item.gathering_id, item] as const)))
    } catch {
      coverages.value = new Map() // Bars are an addition: the lessons themselves stay usable.
    }
  }

  return { coverages, read }
}
