/**
 * The messages of docs/protocol/room_channel.md as types, and the one place
 * that turns a text frame into them. Unknown types and kinds become null.
 */
export interface Hello {
  readonly type: 'hello'
  readonly connection_id: string
  readonly gathering_id: string
  readonly media_epoch: string
  readonly seq: number
  readonly page_state: string
  readonly viewer_count: number
  readonly counted: boolean
  readonly ping_interval_ms: number
  readonly server_ms: number
}

interface EventHead {
  readonly type: 'event'
  readonly seq: number
  readonly at_ms: number
}
export interface StateEvent extends EventHead {
  readonly kind: 'state'
  readonly page_state: string
  readonly gathering_state: string
  readonly programme_ms: number
  readonly programme_running: boolean
  /** Instant of `programme_ms` when it is not `at_ms`. */
  readonly as_of_ms?: number
}
export interface ChatEvent extends EventHead {
  readonly kind: 'chat'
  readonly message_id: string
  readonly author: { readonly participant_id: string; readonly display_name: string }
  readonly text: string
  readonly client_id: string
}
export interface ChatHiddenEvent extends EventHead {
  readonly kind: 'chat_hidden'
  readonly message_id: string
}
export interface RecordingEvent extends EventHead {
  readonly kind: 'recording'
  readonly recording: boolean
}
export interface MediaEpochEvent extends EventHead {
  readonly kind: 'media_epoch'
  readonly media_epoch: string
}
export interface PublicationsEvent extends EventHead {
  readonly kind: 'publications'
  readonly live: boolean
}
export type RoomEvent =
  | StateEvent
  | ChatEvent
  | ChatHiddenEvent
  | RecordingEvent
  | MediaEpochEvent
  | PublicationsEvent

export type PresenceReason = 'counting' | 'not_live' | 'on_break' | 'interrupted' | 'not_convened'
export interface Presence {
  readonly type: 'presence'
  readonly counted_ms: number
  readonly counting: boolean
  readonly reason: PresenceReason
}
export interface RosterRow {
  readonly participant_id: string
  readonly display_name: string
  readonly branch: string | null
  readonly state: 'here' | 'away'
  readonly since_ms: number
}
export interface Roster {
  readonly type: 'roster'
  readonly rows: readonly RosterRow[]
}
/** Which simulcast layers of a publication somebody watches; of this participant alone. */
export interface Layers {
  readonly type: 'layers'
  readonly session_id: string
  readonly source: string
  readonly publication: number
  readonly wanted: readonly string[]
}
export type ServerMessage =
  | Hello
  | RoomEvent
  | Presence
  | Roster
  | Layers
  | { readonly type: 'ping'; readonly n: number; readonly server_ms: number }
  | { readonly type: 'viewers'; readonly count: number }
  | { readonly type: 'ack'; readonly client_id: string; readonly seq: number }
  | { readonly type: 'error'; readonly code: string; readonly client_id?: string }

export type ClientMessage =
  | { readonly type: 'pong'; readonly n: number }
  | { readonly type: 'chat'; readonly client_id: string; readonly text: string }
  | { readonly type: 'hide'; readonly message_id: string }
  | { readonly type: 'mute'; readonly participant_id: string; readonly muted: boolean }
  | { readonly type: 'roster'; readonly on: boolean }

const TYPES: ReadonlySet<unknown> = new Set(['hello', 'ping', 'event', 'viewers', 'presence', 'roster', 'layers', 'ack', 'error'])

/** Text is at most this long, in UTF-16 units as `String.length` counts. */
export const CHAT_MAX_LENGTH = 500

/** @returns null for what this client does not know: both sides ignore that. */
export function parseServerMessage(text: unknown): ServerMessage | null {
  if (typeof text !== 'string') {
    return null
  }
  try {
    const message = JSON.parse(text) as { type?: unknown } | null
    return TYPES.has(message?.type) ? (message as ServerMessage) : null
  } catch {
    return null
  }
}
