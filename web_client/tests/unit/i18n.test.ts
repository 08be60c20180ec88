import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Messages } from '@/i18n/locales/collect'
import chinese from '@/i18n/locales/zh-CN'
import english from '@/i18n/locales/en'

function flat(messages: Messages, path = ''): Map<string, string> {
  return new Map(Object.entries(messages).flatMap(([key, value]) => (typeof value === 'string' ? [[path + key, value] as const] : [...flat(value, `${path}${key}.`)])))
}

const zh = flat(chinese)
const en = flat(english)
const root = join(import.meta.dirname, '../../src')
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((path) => /\.(vue|ts)$/.test(path) && !path.endsWith('.test.ts') && !path.includes('generated'))
  .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
const code = sources.map((one) => one.text).join('\n')
const placeholders = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort()

describe('the two languages', () => {
  it('have the same keys', () => {
    expect([...zh.keys()].filter((key) => !en.has(key))).toEqual([])
    expect([...en.keys()].filter((key) => !zh.has(key))).toEqual([])
  })

  it('use the same placeholders in every text and leave none empty', () => {
    for (const [key, text] of zh) {
      expect(text.trim() === '' ? key : '').toBe('')
      expect({ key, names: placeholders(text) }).toEqual({ key, names: placeholders(en.get(key) ?? '') })
    }
  })

  it('hold no Chinese in English and no emoji anywhere', () => {
    expect([...en].filter(([, text]) => /\p{Script=Han}/u.test(text)).map(([key]) => key)).toEqual([])
    expect([...zh, ...en].filter(([, text]) => /\p{Extended_Pictographic}/u.test(text)).map(([key]) => key)).toEqual([])
  })
})

describe('keys in the code', () => {
  const literal = new Set([...code.matchAll(/['"]([a-z_]+(?:\.[a-zA-Z0-9_-]+)+)['"]/g)].map((match) => match[1] ?? ''))
  const files = new Set([...zh.keys()].map((key) => key.split('.')[0]))
  /** `terms.kind.${kind}` and `${prefix}.${x}` style keys: everything before the first placeholder. */
  const prefixes = [...code.matchAll(/`([a-z_]+\.(?:[a-z_]+\.)*)\$\{/g)].map((match) => match[1] ?? '')
  const patterns = [...code.matchAll(/`([a-z_]+\.[^`\s]*\$\{[^`]*)`/g)].map((match) => new RegExp(`^${(match[1] ?? '').split(/\$\{[^}]*(?:\}|$)/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[A-Za-z0-9_.-]+')}$`))

  it('all exist', () => {
    const called = [...code.matchAll(/(?:\$t|\bt|\bte)\(\s*['"]([^'"]+)['"]/g)].map((match) => match[1] ?? '')
    expect(called.filter((key) => !zh.has(key))).toEqual([])
    const meant = [...literal].filter((key) => files.has(key.split('.')[0] ?? '') && zh.has(key.split('.').slice(0, 2).join('.')) && !zh.has(key))
    expect(meant).toEqual([])
  })

  it('leave no text unused', () => {
    const used = (key: string) => literal.has(key) || prefixes.some((prefix) => prefix.length > 0 && key.startsWith(prefix)) || patterns.some((pattern) => pattern.test(key))
    expect([...zh.keys()].filter((key) => !used(key))).toEqual([])
  })

  it('are the only words: no Chinese stands in a template', () => {
    const inTemplates = sources.filter((one) => one.path.endsWith('.vue')).filter((one) => /\p{Script=Han}/u.test((one.text.match(/<template>[\s\S]*<\/template>/)?.[0] ?? '').replace(/<!--[\s\S]*?-->/g, '')))
    expect(inTemplates.map((one) => one.path)).toEqual([])
  })
})
