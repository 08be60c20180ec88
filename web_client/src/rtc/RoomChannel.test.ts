import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FakeSocket } from './FakeSocket'
import { channelUrl, RoomChannel } from './RoomChannel'

const hello = (over: object = {}) => ({
  type: 'hello', connection_id: 'c', gathering_id: 'g', media_epoch: 'e1', seq: 0, page_state: 'live',
  viewer_count: 3, counted: true, ping_interval_ms: 2000, server_ms: 0, ...over,
})
const chat = (seq: number, clientId = 'other') => ({
  type: 'event', kind: 'chat', seq, at_ms: 0, message_id: `m${seq}`, client_id: clientId,
  author: { participant_id: 'p', display_name: 'P' }, text: `line ${seq}`,
})

describe('RoomChannel', () => {
  let sockets: FakeSocket[]
  let storage: Map<string, string>
  let ids: number
  let channel: RoomChannel

  const last = (): FakeSocket => {
    const socket = sockets.at(-1)
    if (socket === undefined) throw new Error('no socket')
    return socket
  }
  const makeChannel = () =>
    new RoomChannel({
      gatheringId: 'g',
      open: (after) => {
        const socket = new FakeSocket(after)
        sockets.push(socket)
        return socket
      },
      storage: {
        getItem: (key) => storage.get(key) ?? null,
        setItem: (key, value) => void storage.set(key, value),
        removeItem: (key) => void storage.delete(key),
      },
      makeId: () => {
        ids += 1
        return `id${ids}`
      },
    })
  const enter = (over: object = {}): void => {
    channel.start()
    last().open()
    last().say(hello(over))
  }

  beforeEach(() => {
    vi.useFakeTimers()
    sockets = []
    storage = new Map()
    ids = 0
    channel = makeChannel()
  })
  afterEach(() => {
    channel.close()
    vi.useRealTimers()
  })

  it('answers a ping in the message handler, without any timer', () => {
    enter()
    last().say({ type: 'ping', n: 7, server_ms: 1 })
    expect(last().sent).toEqual([{ type: 'pong', n: 7 }])
  })

  it('calls the link dead after five silent seconds and tries again each second', () => {
    enter()
    vi.advanceTimersByTime(4999)
    expect(channel.state).toBe('open')
    vi.advanceTimersByTime(1)
    expect(channel.state).toBe('reconnecting')
    expect(sockets).toHaveLength(2)
    vi.advanceTimersByTime(3000)
    expect(sockets).toHaveLength(5)
  })

  it('gives each attempt up after a second and a half', () => {
    channel.start()
    const first = last()
    vi.advanceTimersByTime(1499)
    expect(first.readyState).toBe(0)
    vi.advanceTimersByTime(1)
    expect(first.readyState).toBe(3)
  })

  it('takes the first attempt that opens and drops the others', () => {
    channel.start()
    vi.advanceTimersByTime(1000)
    const [slow, quick] = sockets
    quick?.open()
    expect(slow?.readyState).toBe(3)
    vi.advanceTimersByTime(3000)
    expect(sockets).toHaveLength(2)
  })

  it('resumes after the last seq and drops what it has seen', () => {
    const seen: number[] = []
    channel.events.on('event', ({ event }) => seen.push(event.seq))
    enter({ seq: 2 })
    last().say(chat(1))
    last().say(chat(2))
    last().drop(1006)
    expect(last().after).toBe(2)
    last().open()
    last().say(hello({ seq: 3 }))
    last().say(chat(2))
    last().say(chat(3))
    expect(seen).toEqual([1, 2, 3])
  })

  it('tells history from news', () => {
    const history: boolean[] = []
    channel.events.on('event', ({ isHistory }) => history.push(isHistory))
    enter({ seq: 1 })
    last().say(chat(1))
    last().say(chat(2))
    expect(history).toEqual([true, false])
  })

  it('sends a line typed while the link was down, once, with the same client_id', () => {
    enter()
    last().drop(1006)
    channel.sendChat('hello')
    expect(storage.get('zhijian.outbox.g')).toContain('hello')
    last().open()
    last().say(hello())
    expect(last().sent).toEqual([{ type: 'chat', client_id: 'id1', text: 'hello' }])
    last().say({ type: 'ack', client_id: 'id1', seq: 1 })
    expect(channel.pendingLines).toEqual([])
    expect(storage.has('zhijian.outbox.g')).toBe(false)
  })

  it('keeps unacknowledged lines over a reload of the page', () => {
    enter()
    channel.sendChat('before reload')
    const again = makeChannel()
    again.start()
    last().open()
    last().say(hello())
    expect(last().sent).toEqual([{ type: 'chat', client_id: 'id1', text: 'before reload' }])
    again.close()
  })

  it('takes its own line back as an acknowledgement', () => {
    enter()
    const id = channel.sendChat('mine')
    last().say(chat(1, id))
    expect(channel.pendingLines).toEqual([])
  })

  it('keeps a refused line with its reason until the person decides', () => {
    enter()
    const id = channel.sendChat('too fast')
    last().say({ type: 'error', code: 'too_fast', client_id: id })
    expect(channel.pendingLines).toEqual([{ client_id: id, text: 'too fast', refused: 'too_fast' }])
    last().drop(1006)
    last().open()
    last().say(hello())
    expect(last().sent).toEqual([])
    channel.retryChat(id)
    expect(last().sent).toEqual([{ type: 'chat', client_id: id, text: 'too fast' }])
  })

  it.each([4401, 4403, 4404, 4409])('stays away after close code %i', (code) => {
    enter()
    last().drop(code)
    vi.advanceTimersByTime(10_000)
    expect(channel.state).toBe('refused')
    expect(sockets).toHaveLength(1)
  })

  it.each([1006, 1012, 4408])('comes back at once after close code %i', (code) => {
    enter()
    last().drop(code)
    expect(sockets).toHaveLength(2)
  })

  it('asks for the roster again after a reconnect', () => {
    enter()
    channel.askRoster(true)
    last().drop(1006)
    last().open()
    last().say(hello())
    expect(last().sent).toEqual([{ type: 'roster', on: true }])
  })

  it('ignores unknown types and broken frames', () => {
    enter()
    last().say({ type: 'confetti' })
    last().onmessage?.({ data: '{' } as MessageEvent)
    expect(channel.state).toBe('open')
  })

  it('builds its address on the page origin', () => {
    expect(channelUrl('a b', 7, 'https://example.org/g/x?y=1')).toBe('wss://example.org/api/gatherings/a%20b/channel?after=7')
    expect(channelUrl('g', null, 'http://127.0.0.1:8000/')).toBe('ws://127.0.0.1:8000/api/gatherings/g/channel')
  })
})
