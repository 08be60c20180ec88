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

/** What the server knows this person by in the room is not told; the first line that comes back says it. */
export const authorOf = (event: ChatEvent, sent: ReadonlySet<string>): string | null => (sent.has(event.client_id) ? event.author.participant_id : null)

/** More lines than anybody scrolls back through; older ones leave the page. */
const kept = 500

export function withEvent(lines: readonly ChatLine[], event: ChatEvent | ChatHiddenEvent): ChatLine[] {
  if (event.kind === 'chat_hidden') {
    return lines.map((line) => (line.messageId === event.message_id ? { ...line, hidden: true } : line))
  }
  const line = { messageId: event.message_id, authorId: event.author.participant_id, author: event.author.display_name, text: event.text, atMs: event.at_ms, hidden: false }
  return [...lines, line].slice(-kept)
}
