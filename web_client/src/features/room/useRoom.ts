/** The room channel of one gathering as reactive state; one a page, closed with it. Knows no page and no player. */
import { onScopeDispose, ref, shallowRef } from 'vue'
import type { PageState } from '@/api/types'
import { Emitter } from '@/rtc/Emitter'
import type { PendingLine } from '@/rtc/ChatOutbox'
import { channelUrl, RoomChannel, type ChannelState } from '@/rtc/RoomChannel'
import type { ChatEvent, Hello, Layers, Presence, RoomEvent, RosterRow } from '@/rtc/roomMessages'
import { authorOf, withEvent, type ChatLine } from './chatLog'
import { randomId } from './randomId'

export interface RoomClock { programmeMs: number; running: boolean; serverMs: number }
export interface RoomNews {
  /** The channel is there (again): what media and pages know may be old. */
  back: { isFirst: boolean; mediaEpoch: string }
  /** The gathering moved on; the page reads it anew. */
  moved: PageState
  mediaEpoch: string
  /** Which layers of what this person publishes are watched. */
  layers: Layers
}

export function useRoom(gatheringId: string) {
  const channelState = ref<ChannelState>('connecting')
  const closeCode = ref<number | null>(null)
  const pageState = ref<PageState | null>(null)
  const viewerCount = ref<number | null>(null)
  const isRecording = ref<boolean | null>(null)
  /** null: not known yet. */
  const isPublished = ref<boolean | null>(null)
  const isCounted = ref(false)
  const presence = shallowRef<Presence | null>(null)
  const roster = shallowRef<readonly RosterRow[] | null>(null)
  const lines = shallowRef<readonly ChatLine[]>([])
  const pending = shallowRef<readonly PendingLine[]>([])
  const clock = shallowRef<RoomClock | null>(null)
  /** My id as an author in this room; null until a line of mine came back. */
  const ownId = ref(sessionStorage.getItem(`zhijian.author.${gatheringId}`))
  /** Whose chat this host has paused from here. */
  const muted = ref<ReadonlySet<string>>(new Set())
  const news = new Emitter<RoomNews>()
  /** Server clock minus ours, milliseconds. */
  let skewMs = 0
  let greeted = false
  const sent = new Set<string>()

  const channel = new RoomChannel({
    gatheringId,
    open: (after) => new WebSocket(channelUrl(gatheringId, after)),
    storage: sessionStorage,
    makeId: randomId,
  })
  pending.value = channel.pendingLines
  for (const line of channel.pendingLines) sent.add(line.client_id)

  function handleHello(hello: Hello): void {
    skewMs = hello.server_ms - Date.now()
    isCounted.value = hello.counted
    const isFirst = !greeted
    greeted = true
    if (pageState.value !== hello.page_state) {
      pageState.value = hello.page_state as PageState
      news.emit('moved', pageState.value)
    }
    news.emit('back', { isFirst, mediaEpoch: hello.media_epoch })
  }

  function learnOwnId(event: ChatEvent): void {
    const mine = authorOf(event, sent)
    if (mine === null || mine === ownId.value) return
    ownId.value = mine
    sessionStorage.setItem(`zhijian.author.${gatheringId}`, mine)
  }

  function mute(participantId: string, isMuted: boolean): void {
    channel.mute(participantId, isMuted)
    const now = new Set(muted.value)
    if (isMuted) now.add(participantId)
    else now.delete(participantId)
    muted.value = now
  }

  function handleEvent(event: RoomEvent, isHistory: boolean): void {
    if (event.kind === 'chat') learnOwnId(event)
    if (event.kind === 'chat' || event.kind === 'chat_hidden') lines.value = withEvent(lines.value, event)
    else if (event.kind === 'recording') isRecording.value = event.recording
    else if (event.kind === 'publications') isPublished.value = event.live
    else if (event.kind === 'state') {
      clock.value = { programmeMs: event.programme_ms, running: event.programme_running, serverMs: event.as_of_ms ?? event.at_ms }
      if (isHistory) return // The hello that brought it is newer.
      pageState.value = event.page_state as PageState
      news.emit('moved', pageState.value)
    } else if (!isHistory) news.emit('mediaEpoch', event.media_epoch)
  }

  channel.events.on('state', (change) => {
    channelState.value = change.state
    closeCode.value = change.closeCode
  })
  channel.events.on('hello', handleHello)
  channel.events.on('event', ({ event, isHistory }) => handleEvent(event, isHistory))
  channel.events.on('viewers', (count) => (viewerCount.value = count))
  channel.events.on('presence', (message) => (presence.value = message))
  channel.events.on('roster', (message) => (roster.value = message.rows))
  channel.events.on('layers', (message) => news.emit('layers', message))
  channel.events.on('outbox', (waiting) => (pending.value = waiting))

  const kick = () => channel.kick()
  const lookedAt = () => {
    if (document.visibilityState === 'visible') kick()
  }
  window.addEventListener('online', kick)
  document.addEventListener('visibilitychange', lookedAt)
  onScopeDispose(() => {
    window.removeEventListener('online', kick)
    document.removeEventListener('visibilitychange', lookedAt)
    channel.close()
    news.clear()
  })

  return {
    channelState, closeCode, pageState, viewerCount, isRecording, isPublished, isCounted, presence, roster, lines, pending, clock, ownId, muted, news,
    serverNow: () => Date.now() + skewMs,
    /** Connect, or take this page back from another device. */
    enter: () => channel.start(),
    send: (text: string) => sent.add(channel.sendChat(text)),
    retry: (clientId: string) => channel.retryChat(clientId),
    discard: (clientId: string) => channel.discardChat(clientId),
    hide: (messageId: string) => channel.hideChat(messageId),
    mute,
    askRoster: (on: boolean) => channel.askRoster(on),
  }
}
export type Room = ReturnType<typeof useRoom>
