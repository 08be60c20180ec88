/**
 * The room channel of one gathering: beats, ordered events, chat that is never
 * lost, reconnect and resume. Source: docs/protocol/room_channel.md.
 * Holds no view of the room: who listens builds that from the events.
 */
import { ChatOutbox, type PendingLine } from './ChatOutbox'
import { Emitter } from './Emitter'
import {
  parseServerMessage,
  type ClientMessage,
  type Hello,
  type Layers,
  type Presence,
  type RoomEvent,
  type Roster,
  type ServerMessage,
} from './roomMessages'
import { isFinalCloseCode, SocketRace, type Socket } from './SocketRace'

/** `refused` carries the close code: 4401 signed out, 4403, 4404, 4409 other device. */
export type ChannelState = 'connecting' | 'open' | 'reconnecting' | 'refused' | 'closed'

export interface RoomChannelEvents {
  state: { readonly state: ChannelState; readonly closeCode: number | null }
  hello: Hello
  /** In order, each once; `isHistory`: it had happened before this hello. */
  event: { readonly event: RoomEvent; readonly isHistory: boolean }
  viewers: number
  presence: Presence
  roster: Roster
  layers: Layers
  /** Lines typed here and not yet acknowledged. */
  outbox: readonly PendingLine[]
}

export interface RoomChannelOptions {
  readonly gatheringId: string
  /** @param after last seq seen, or null the first time. */
  open(after: number | null): Socket
  readonly storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>
  makeId(): string
}

/** No message for so long: the link is dead (both sides hold to it). */
export const DEAD_AFTER_MS = 5000
const SOCKET_OPEN = 1

/** The channel's address beside the page's own (same origin, ws or wss). */
export function channelUrl(gatheringId: string, after: number | null, base = location.href): string {
  const url = new URL(`/api/gatherings/${encodeURIComponent(gatheringId)}/channel`, base)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  if (after !== null) {
    url.searchParams.set('after', String(after))
  }
  return url.href
}

export class RoomChannel {
  readonly events = new Emitter<RoomChannelEvents>()
  private readonly race: SocketRace
  private readonly outbox: ChatOutbox
  private channelState: ChannelState = 'connecting'
  private socket: Socket | null = null
  private deadTimer: ReturnType<typeof setTimeout> | null = null
  private lastSeq: number | null = null
  private helloSeq = 0
  private wasOpen = false
  private wantsRoster = false

  constructor(options: RoomChannelOptions) {
    this.outbox = new ChatOutbox(options.storage, `zhijian.outbox.${options.gatheringId}`, () => options.makeId())
    this.race = new SocketRace({
      open: () => options.open(this.lastSeq),
      won: (socket) => this.handleOpen(socket),
      refused: (code) => this.setState('refused', code),
    })
  }

  get state(): ChannelState {
    return this.channelState
  }

  get pendingLines(): readonly PendingLine[] {
    return this.outbox.pending
  }

  start(): void {
    this.setState(this.wasOpen ? 'reconnecting' : 'connecting')
    this.race.start()
  }

  /** The network is said to be back, or the page is looked at again: do not wait for the next second. */
  kick(): void {
    this.race.attempt()
  }

  close(): void {
    this.race.stop()
    this.dropSocket()
    this.setState('closed')
    this.events.clear()
  }

  /** @returns the client_id by which the line comes back as an event. */
  sendChat(text: string): string {
    const line = this.outbox.add(text)
    this.send({ type: 'chat', client_id: line.client_id, text: line.text })
    this.emitOutbox()
    return line.client_id
  }

  retryChat(clientId: string): void {
    const line = this.outbox.retry(clientId)
    if (line !== null) {
      this.send({ type: 'chat', client_id: line.client_id, text: line.text })
    }
    this.emitOutbox()
  }

  discardChat(clientId: string): void {
    this.outbox.discard(clientId)
    this.emitOutbox()
  }

  hideChat(messageId: string): void {
    this.send({ type: 'hide', message_id: messageId })
  }

  mute(participantId: string, muted: boolean): void {
    this.send({ type: 'mute', participant_id: participantId, muted })
  }

  /** Asked again by itself after each reconnect. */
  askRoster(on: boolean): void {
    this.wantsRoster = on
    this.send({ type: 'roster', on })
  }

  private send(message: ClientMessage): void {
    if (this.socket?.readyState === SOCKET_OPEN) {
      this.socket.send(JSON.stringify(message))
    }
  }

  private handleOpen(socket: Socket): void {
    this.socket = socket
    socket.onmessage = (event) => this.handleFrame(event.data)
    socket.onclose = (event) => {
      if (this.socket === socket) {
        this.handleLost(event.code)
      }
    }
    this.watch()
  }

  private handleFrame(data: unknown): void {
    const message = parseServerMessage(data)
    this.watch()
    // The beat is answered here, in the message handler: timers of a hidden
    // page are cut to one a minute and would call a real listener absent.
    if (message?.type === 'ping') {
      this.send({ type: 'pong', n: message.n })
    } else if (message !== null) {
      this.handleMessage(message)
    }
  }

  private handleMessage(message: ServerMessage): void {
    switch (message.type) {
      case 'hello':
        this.handleHello(message)
        break
      case 'event':
        this.handleEvent(message)
        break
      case 'viewers':
        this.events.emit('viewers', message.count)
        break
      case 'presence':
        this.events.emit('presence', message)
        break
      case 'roster':
        this.events.emit('roster', message)
        break
      case 'layers':
        this.events.emit('layers', message)
        break
      case 'ack':
        this.outbox.acknowledge(message.client_id)
        this.emitOutbox()
        break
      case 'error':
        this.handleRefusal(message.code, message.client_id)
        break
      case 'ping':
        break
    }
  }

  private handleHello(hello: Hello): void {
    this.wasOpen = true
    this.helloSeq = hello.seq
    this.setState('open')
    this.events.emit('hello', hello)
    this.events.emit('viewers', hello.viewer_count)
    for (const line of this.outbox.pending) {
      if (line.refused === null) {
        this.send({ type: 'chat', client_id: line.client_id, text: line.text })
      }
    }
    if (this.wantsRoster) {
      this.send({ type: 'roster', on: true })
    }
    this.emitOutbox()
  }

  private handleEvent(event: RoomEvent): void {
    if (this.lastSeq !== null && event.seq <= this.lastSeq) {
      return
    }
    this.lastSeq = event.seq
    if (event.kind === 'chat') {
      // Our own line back is as good as its acknowledgement.
      this.outbox.acknowledge(event.client_id)
    }
    this.events.emit('event', { event, isHistory: event.seq <= this.helloSeq })
    if (event.kind === 'chat') {
      this.emitOutbox()
    }
  }

  private handleRefusal(code: string, clientId: string | undefined): void {
    if (clientId !== undefined) {
      this.outbox.refuse(clientId, code)
      this.emitOutbox()
    }
  }

  private handleLost(code: number): void {
    this.dropSocket()
    if (isFinalCloseCode(code)) {
      this.setState('refused', code)
    } else {
      this.start()
    }
  }

  private watch(): void {
    if (this.deadTimer !== null) {
      clearTimeout(this.deadTimer)
    }
    this.deadTimer = setTimeout(() => this.handleLost(4408), DEAD_AFTER_MS)
  }

  private dropSocket(): void {
    if (this.deadTimer !== null) {
      clearTimeout(this.deadTimer)
      this.deadTimer = null
    }
    const socket = this.socket
    this.socket = null
    if (socket !== null) {
      socket.onmessage = null
      socket.onclose = null
      socket.close()
    }
  }

  private emitOutbox(): void {
    this.events.emit('outbox', [...this.outbox.pending])
  }

  private setState(state: ChannelState, closeCode: number | null = null): void {
    if (state !== this.channelState || closeCode !== null) {
      this.channelState = state
      this.events.emit('state', { state, closeCode })
    }
  }
}
