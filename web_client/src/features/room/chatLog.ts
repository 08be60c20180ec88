/** The chat of a room as pages show it: pure, built from ordered events. */
import type { ChatEvent, ChatHiddenEvent } from '@/rtc/roomMessages'

export interface ChatLine {
  messageId: string
  authorId: string
  author: string
  text: string
  atMs: number
  hidden: boolean
}

/** More lines than anybody scrolls back through; older ones leave the page. */
const kept = 500

export function withEvent(lines: readonly ChatLine[], event: ChatEvent | ChatHiddenEvent): ChatLine[] {
  if (event.kind === 'chat_hidden') {
    return lines.map((line) => (line.messageId === event.message_id ? { ...line, hidden: true } : line))
  }
  const line = { messageId: event.message_id, authorId: event.author.participant_id, author: event.author.display_name, text: event.text, atMs: event.at_ms, hidden: false }
  return [...lines, line].slice(-kept)
}
