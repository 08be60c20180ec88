/** Every page state as data: what the stage shows and which one action goes with it. Words are `gathering.state.<state>`. */
import { CalendarClock, CircleCheckBig, CircleSlash, Coffee, FileClock, Hourglass, LoaderCircle, Lock, PencilLine, Play, Radio, ShieldOff, Unplug, VideoOff } from '@lucide/vue'
import type { Component } from 'vue'
import type { PageState } from '@/api/types'

/** live: the live player, with a notice over it unless all is well. replay: the replay. notice: icon, text, action. */
export type StageKind = 'live' | 'replay' | 'notice'
export type StateAction = 'calendar' | 'reconnect' | 'chat' | 'reload' | 'record' | 'home' | 'edit' | 'none'
export interface StateView { stage: StageKind; icon: Component; action: StateAction }

export const stateViews: Record<PageState, StateView> = {
  draft: { stage: 'notice', icon: PencilLine, action: 'edit' },
  scheduled: { stage: 'notice', icon: CalendarClock, action: 'calendar' },
  waiting: { stage: 'notice', icon: Hourglass, action: 'chat' },
  live: { stage: 'live', icon: Radio, action: 'none' },
  interrupted: { stage: 'live', icon: Unplug, action: 'reconnect' },
  on_break: { stage: 'live', icon: Coffee, action: 'chat' },
  ended_processing: { stage: 'notice', icon: LoaderCircle, action: 'reload' },
  ended: { stage: 'notice', icon: CircleCheckBig, action: 'record' },
  replay: { stage: 'replay', icon: Play, action: 'none' },
  replay_pending_review: { stage: 'notice', icon: FileClock, action: 'record' },
  replay_withdrawn: { stage: 'notice', icon: ShieldOff, action: 'record' },
  not_recorded: { stage: 'notice', icon: VideoOff, action: 'record' },
  cancelled: { stage: 'notice', icon: CircleSlash, action: 'home' },
  not_held: { stage: 'notice', icon: CircleSlash, action: 'home' },
  not_authorised: { stage: 'notice', icon: Lock, action: 'home' },
}
