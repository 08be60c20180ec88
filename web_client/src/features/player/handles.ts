/** What the players let their page do; types apart from the components, which the type-checked lint cannot see into. */
import type { LivePlayback } from './useLivePlayback'

export interface LivePlayerHandle { live: LivePlayback }
export interface ReplayPlayerHandle { jump: (programmeMs: number) => void }
/** A stage holds at most one of the two. */
export interface StageHandle { live: LivePlayback | undefined; jump: (programmeMs: number) => void }
