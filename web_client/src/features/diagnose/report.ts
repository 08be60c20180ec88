/** The report to copy: what was found, in plain text, for whoever helps. No name, no address, no label of a device. */
import type { Check, CheckName } from './checks'
import { groups } from './checks'

export interface ReportWords {
  title: string
  /** `diagnose.check.…` in the reader's language. */
  nameOf: (name: CheckName) => string
  stateOf: (check: Check) => string
  meaningOf: (name: CheckName, check: Check) => string
}

interface Surroundings { origin: string; browser: string; at: Date }

export function reportText(checks: Readonly<Record<CheckName, Check>>, words: ReportWords, { origin, browser, at }: Surroundings): string {
  const lines = Object.values(groups).flat().map((name) => {
    const found = checks[name]
    const facts = Object.entries(found.facts).map(([key, value]) => `${key}=${value}`)
    return `[${words.stateOf(found)}] ${words.nameOf(name)}: ${words.meaningOf(name, found)}${facts.length > 0 ? ` (${facts.join(', ')})` : ''} {${name}.${found.code}}`
  })
  return [words.title, `${at.toISOString()} · ${origin}`, browser, '', ...lines, ''].join('\n')
}
