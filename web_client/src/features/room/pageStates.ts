/** Which page states mean what for the room: data only. */
import type { PageState } from '@/api/types'

export const onAirStates: ReadonlySet<PageState> = new Set(['live', 'interrupted', 'on_break'])
/** The server takes chat lines in these. */
export const chatStates: ReadonlySet<PageState> = new Set(['scheduled', 'waiting', 'live', 'interrupted', 'on_break'])
/** States in which nothing will be said or changed any more: no channel is opened. */
export const silentStates: ReadonlySet<PageState> = new Set(['draft', 'cancelled', 'not_held', 'not_authorised'])
