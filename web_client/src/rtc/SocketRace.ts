/**
 * Opens a WebSocket against a network that may be dead: a new attempt each
 * second, each given up after 1.5 s, the first that opens wins.
 * Knows nothing of messages. Source: joints "Restart, blackout, consent".
 */
export interface Socket {
  readonly readyState: number
  onopen: ((event: Event) => void) | null
  onmessage: ((event: MessageEvent) => void) | null
  onclose: ((event: CloseEvent) => void) | null
  send(data: string): void
  close(code?: number): void
}

export const ATTEMPT_INTERVAL_MS = 1000
export const ATTEMPT_TIMEOUT_MS = 1500

export interface SocketRaceOptions {
  open(): Socket
  /** The winner; its handlers are the caller's from now on. */
  won(socket: Socket): void
  /** The server refused for good (application close codes 4400–4499 but 4408). */
  refused(code: number): void
}

export function isFinalCloseCode(code: number): boolean {
  return code >= 4400 && code < 4500 && code !== 4408
}

export class SocketRace {
  private readonly running = new Map<Socket, ReturnType<typeof setTimeout>>()
  private ticker: ReturnType<typeof setInterval> | null = null

  constructor(private readonly options: SocketRaceOptions) {}

  get isRunning(): boolean {
    return this.ticker !== null
  }

  start(): void {
    if (this.ticker === null) {
      this.ticker = setInterval(() => this.attempt(), ATTEMPT_INTERVAL_MS)
      this.attempt()
    }
  }

  stop(): void {
    if (this.ticker !== null) {
      clearInterval(this.ticker)
      this.ticker = null
    }
    for (const socket of [...this.running.keys()]) {
      this.giveUp(socket)
    }
  }

  /** One attempt at once, besides the ticking ones. */
  attempt(): void {
    if (this.ticker === null) {
      return
    }
    const socket = this.options.open()
    this.running.set(socket, setTimeout(() => this.giveUp(socket), ATTEMPT_TIMEOUT_MS))
    socket.onopen = () => {
      this.forget(socket)
      this.stop()
      this.options.won(socket)
    }
    socket.onclose = (event) => {
      this.forget(socket)
      if (isFinalCloseCode(event.code)) {
        this.stop()
        this.options.refused(event.code)
      }
    }
  }

  private giveUp(socket: Socket): void {
    this.forget(socket)
    socket.onopen = null
    socket.onclose = null
    socket.close()
  }

  private forget(socket: Socket): void {
    clearTimeout(this.running.get(socket))
    this.running.delete(socket)
  }
}
