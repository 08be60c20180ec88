/** Guards: nobody gets past the sign-in page unknown; titles and the theme follow the page. */
import type { Pinia } from 'pinia'
import { watch } from 'vue'
import { createRouter, createWebHistory, type Router, type RouterHistory } from 'vue-router'
import { safeNext } from '@/formatting/addresses'
import { i18n } from '@/i18n'
import { useAccount } from '@/stores/account'
import { routes } from './routes'

export function createAppRouter(pinia: Pinia, history: RouterHistory = createWebHistory()): Router {
  const router = createRouter({
    history,
    routes,
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- Its successor is experimental.
    scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
  })

  router.beforeEach(async (to) => {
    const account = useAccount(pinia)
    try {
      await account.ensureKnown()
    } catch {
      return true // The server does not answer: the page says so itself and offers to try again.
    }
    if (to.name === 'sign-in' && account.me !== null) return safeNext(to.query['next'])
    if (to.meta.open === true || account.me !== null) return true
    return { name: 'sign-in', query: to.fullPath === '/' ? {} : { next: to.fullPath } }
  })

  const setTitle = () => {
    const { t } = i18n.global
    if (router.currentRoute.value.matched.length === 0) return // Before the first page.
    document.title = `${t(router.currentRoute.value.meta.title)} · ${t('words.product')}`
  }
  router.afterEach((to) => {
    if (to.meta.frame === 'theatre') document.documentElement.dataset['theme'] = 'theatre'
    else delete document.documentElement.dataset['theme']
    setTitle()
  })
  watch(i18n.global.locale, setTitle)
  return router
}
