import { describe, expect, it } from 'vitest'
import { withEvent, type ChatLine } from './chatLog'
import { randomId } from './randomId'
import { programmeAt } from './useProgrammeClock'

describe('chat log', () => {
  const chat = (id: string, text: string) => ({ type: 'event', kind: 'chat', seq: 1, at_ms: 5, message_id: id, client_id: 'c', author: { participant_id: 'p', display_name: '赵甲子' }, text }) as const
  it('keeps order and hides in place', () => {
    let lines: ChatLine[] = []
    lines = withEvent(lines, chat('a', '一'))
    lines = withEvent(lines, chat('b', '二'))
    lines = withEvent(lines, { type: 'event', kind: 'chat_hidden', seq: 3, at_ms: 6, message_id: 'a' })
    expect(lines.map(({ text, hidden }) => [text, hidden])).toEqual([['一', true], ['二', false]])
  })
})

describe('programme clock', () => {
  it('runs on between news only while the server says so', () => {
    expect(programmeAt({ programmeMs: 1000, running: true, serverMs: 50 }, 250)).toBe(1200)
    expect(programmeAt({ programmeMs: 1000, running: false, serverMs: 50 }, 250)).toBe(1000)
    expect(programmeAt({ programmeMs: 1000, running: true, serverMs: 50 }, 0)).toBe(1000)
  })
})

describe('randomId', () => {
  it('is a version 4 UUID', () => {
    expect(randomId()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(randomId()).not.toBe(randomId())
  })
})
