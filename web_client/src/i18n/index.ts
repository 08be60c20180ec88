/** Two complete languages, each one chunk; texts are split by feature file, and a file's name is the first part of its keys. */
import { createI18n } from 'vue-i18n'
import type { Locale } from '@/api/types'
import chinese from './locales/zh-CN'

export const locales: readonly Locale[] = ['zh-CN', 'en']
/** How each language calls itself. */
export const localeNames: Record<Locale, string> = { 'zh-CN': '简体中文', en: 'English' }
const remembered = 'zhijian.locale'

export const i18n = createI18n({
  legacy: false,
  locale: 'zh-CN',
  fallbackLocale: 'zh-CN',
  messages: { 'zh-CN': chinese, en: {} },
  missingWarn: import.meta.env.DEV,
  fallbackWarn: false,
})

export const isLocale = (value: unknown): value is Locale => value === 'zh-CN' || value === 'en'

export function preferredLocale(): Locale {
  const stored = localStorage.getItem(remembered)
  if (isLocale(stored)) return stored
  return navigator.languages.find((tag) => /^(zh|en)\b/i.test(tag))?.toLowerCase().startsWith('en') === true ? 'en' : 'zh-CN'
}

let englishLoaded = false

export async function useLocale(locale: Locale): Promise<void> {
  if (locale === 'en' && !englishLoaded) {
    i18n.global.setLocaleMessage('en', (await import('./locales/en')).default)
    englishLoaded = true
  }
  i18n.global.locale.value = locale
  document.documentElement.lang = locale
  localStorage.setItem(remembered, locale)
}
