import { BookOpen, ClockFading, House, UserRound } from '@lucide/vue'
import type { Component } from 'vue'

/** The four places of the product, the same in the top bar and in the phone's tabs. */
export const places: readonly { name: string; to: string; label: string; short: string; icon: Component }[] = [
  { name: 'home', to: '/', label: 'shell.home', short: 'shell.home', icon: House },
  { name: 'columns', to: '/columns', label: 'shell.columns', short: 'shell.columns', icon: BookOpen },
  { name: 'replays', to: '/replays', label: 'shell.replays', short: 'shell.replays', icon: ClockFading },
  { name: 'record', to: '/record', label: 'shell.record', short: 'shell.mine', icon: UserRound },
]

/** Which place a route belongs to; a column's page belongs to the columns. */
export const placeOf = (routeName: unknown): string => (routeName === 'column' ? 'columns' : typeof routeName === 'string' ? routeName : '')
