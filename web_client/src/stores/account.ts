/** Who is signed in, and the language that follows them. */
import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import * as accounts from '@/api/accounts'
import { asApiError } from '@/api/errors'
import type { Locale, Me } from '@/api/types'
import { i18n, useLocale } from '@/i18n'

export const useAccount = defineStore('account', () => {
  const me = ref<Me | null>(null)
  /** True once the server has answered whether anybody is signed in. */
  const known = ref(false)
  const administers = computed(() => me.value !== null && Object.values(me.value.may).some(Boolean))

  async function enter(person: Me): Promise<void> {
    me.value = person
    known.value = true
    await useLocale(person.locale)
  }

  /** Asks the server once; later calls return at once. A network failure leaves the question open and throws. */
  async function ensureKnown(): Promise<void> {
    if (known.value) return
    try {
      await enter(await accounts.readMe())
    } catch (thrown) {
      if (asApiError(thrown).status !== 401) throw thrown
      forget()
    }
  }

  function forget(): void {
    me.value = null
    known.value = true
  }

  async function signIn(personNo: string, password: string): Promise<void> {
    await enter(await accounts.signIn(personNo, password))
  }

  async function signOut(): Promise<void> {
    await accounts.signOut()
    forget()
  }

  /** The language changes at once; the server is told when somebody is signed in. */
  async function chooseLocale(locale: Locale): Promise<void> {
    if (i18n.global.locale.value === locale) return
    await useLocale(locale)
    if (me.value === null) return
    me.value.locale = locale
    await accounts.writeLocale(locale)
  }

  return { me, known, administers, ensureKnown, forget, signIn, signOut, chooseLocale }
})
