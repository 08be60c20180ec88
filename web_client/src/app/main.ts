import { createPinia } from 'pinia'
import { createApp } from 'vue'
import { whenSignedOut } from '@/api/client'
import { i18n, preferredLocale, useLocale } from '@/i18n'
import { useAccount } from '@/stores/account'
import App from './App.vue'
import { createAppRouter } from './router'
import '@/styles/main.css'

const pinia = createPinia()
const router = createAppRouter(pinia)

whenSignedOut(() => {
  const account = useAccount(pinia)
  if (account.me === null) return
  account.forget()
  void router.push({ name: 'sign-in', query: { next: router.currentRoute.value.fullPath } })
})

await useLocale(preferredLocale())
createApp(App).use(pinia).use(i18n).use(router).mount('#app')
