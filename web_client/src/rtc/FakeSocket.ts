/** A WebSocket without a network, driven by tests. */
import type { Socket } from './SocketRace'

export class FakeSocket implements Socket {
  readyState = 0
  onopen: ((event: Event) => void) | null = null
  onmessage: ((event: MessageEvent) => void) | null = null
  onclose: ((event: CloseEvent) => void) | null = null
  readonly sent: Record<string, unknown>[] = []

  constructor(readonly after: number | null) {}

  send(data: string): void {
    this.sent.push(JSON.parse(data) as Record<string, unknown>)
  }

  close(): void {
    this.readyState = 3
  }

  /** For tests: the connection is established. */
  open(): void {
    this.readyState = 1
    this.onopen?.(new Event('open'))
  }

  /** For tests: the server says `message`. */
  say(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) } as MessageEvent)
  }

  /** For tests: the server closes with `code`. */
  drop(code: number): void {
    this.readyState = 3
    this.onclose?.({ code } as CloseEvent)
  }
}
