/** Every page: its address, its title's i18n key, its frame, and what may be needed to see it. */
import type { RouteRecordRaw } from 'vue-router'

declare module 'vue-router' {
  interface RouteMeta {
    /** i18n key of the document title. */
    title: string
    /** shell: top bar and phone tabs. theatre: dark, the page brings its own bar. bare: nothing. */
    frame: 'shell' | 'theatre' | 'bare'
    /** Seen without being signed in. */
    open?: boolean
    /** The right in `Me.may` without which the forbidden page is shown. */
    needs?: 'administer_people' | 'administer_organisations' | 'create_gatherings'
  }
}

export const routes: RouteRecordRaw[] = [
  { path: '/', name: 'home', component: () => import('@/features/home/HomePage.vue'), meta: { title: 'shell.home', frame: 'shell' } },
  { path: '/sign-in', name: 'sign-in', component: () => import('@/features/account/SignInPage.vue'), meta: { title: 'account.sign_in', frame: 'bare', open: true } },
  { path: '/gatherings/:id', name: 'gathering', props: true, component: () => import('@/features/gathering/GatheringPage.vue'), meta: { title: 'shell.gathering', frame: 'theatre' } },
  { path: '/gatherings/:id/studio', name: 'studio', props: true, component: () => import('@/features/studio/StudioPage.vue'), meta: { title: 'shell.studio', frame: 'theatre' } },
  { path: '/:rest(.*)*', name: 'not-found', component: () => import('./NotFoundPage.vue'), meta: { title: 'states.not_found.title', frame: 'shell', open: true } },
]
