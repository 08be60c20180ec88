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

const administration: RouteRecordRaw[] = [
  { path: '', name: 'administration', component: () => import('@/features/administration/AdministrationPage.vue'), meta: { title: 'shell.administration', frame: 'shell' } },
  { path: 'people', name: 'people', component: () => import('@/features/administration/people/PeoplePage.vue'), meta: { title: 'administration.people.title', frame: 'shell', needs: 'administer_people' } },
  { path: 'organisations', name: 'organisations', component: () => import('@/features/administration/organisations/OrganisationsPage.vue'), meta: { title: 'administration.organisations.title', frame: 'shell', needs: 'administer_organisations' } },
  { path: 'columns', name: 'manage-columns', component: () => import('@/features/administration/columns/ManageColumnsPage.vue'), meta: { title: 'administration.columns.title', frame: 'shell', needs: 'administer_organisations' } },
  { path: 'gatherings', name: 'manage-gatherings', component: () => import('@/features/administration/gatherings/ManageGatheringsPage.vue'), meta: { title: 'administration.gatherings.title', frame: 'shell', needs: 'create_gatherings' } },
  { path: 'gatherings/new', name: 'new-gathering', component: () => import('@/features/administration/gatherings/EditGatheringPage.vue'), meta: { title: 'administration.gatherings.new', frame: 'shell', needs: 'create_gatherings' } },
  { path: 'gatherings/:id', name: 'edit-gathering', props: true, component: () => import('@/features/administration/gatherings/EditGatheringPage.vue'), meta: { title: 'administration.gatherings.edit', frame: 'shell' } },
]

export const routes: RouteRecordRaw[] = [
  { path: '/', name: 'home', component: () => import('@/features/home/HomePage.vue'), meta: { title: 'shell.home', frame: 'shell' } },
  { path: '/sign-in', name: 'sign-in', component: () => import('@/features/account/SignInPage.vue'), meta: { title: 'account.sign_in', frame: 'bare', open: true } },
  { path: '/account', name: 'account', component: () => import('@/features/account/AccountPage.vue'), meta: { title: 'account.title', frame: 'shell' } },
  { path: '/columns', name: 'columns', component: () => import('@/features/columns/ColumnsPage.vue'), meta: { title: 'shell.columns', frame: 'shell' } },
  { path: '/columns/:id', name: 'column', props: true, component: () => import('@/features/columns/ColumnPage.vue'), meta: { title: 'shell.columns', frame: 'shell' } },
  { path: '/replays', name: 'replays', component: () => import('@/features/columns/ReplaysPage.vue'), meta: { title: 'shell.replays', frame: 'shell' } },
  { path: '/record', name: 'record', component: () => import('@/features/record/RecordPage.vue'), meta: { title: 'shell.record', frame: 'shell' } },
  { path: '/g/:code', name: 'by-code', props: true, component: () => import('@/features/home/CodePage.vue'), meta: { title: 'shell.home', frame: 'shell' } },
  { path: '/gatherings/:id', name: 'gathering', props: true, component: () => import('@/features/gathering/GatheringPage.vue'), meta: { title: 'shell.gathering', frame: 'theatre' } },
  { path: '/gatherings/:id/studio', name: 'studio', props: true, component: () => import('@/features/studio/StudioPage.vue'), meta: { title: 'shell.studio', frame: 'theatre' } },
  { path: '/gatherings/:id/roll', name: 'roll', props: true, component: () => import('@/features/roll/RollPage.vue'), meta: { title: 'shell.roll', frame: 'shell' } },
  { path: '/administration', children: administration },
  { path: '/diagnose', name: 'diagnose', component: () => import('@/features/diagnose/DiagnosePage.vue'), meta: { title: 'diagnose.title', frame: 'shell', open: true } },
  { path: '/:rest(.*)*', name: 'not-found', component: () => import('./NotFoundPage.vue'), meta: { title: 'states.not_found.title', frame: 'shell', open: true } },
]
