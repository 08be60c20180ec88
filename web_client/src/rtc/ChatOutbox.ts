/**
 * Chat lines typed here and not yet acknowledged: nothing typed is lost.
 * Each keeps its client_id for ever, so that sending again is the same message.
 */
export interface PendingLine {
  readonly client_id: string
  readonly text: string
  /** Code of a refusal; such a line waits for the person, not for the network. */
  readonly refused: string | null
}

type TextStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>

export class ChatOutbox {
  private lines: PendingLine[]

  constructor(
    private readonly storage: TextStorage,
    private readonly key: string,
    private readonly makeId: () => string,
  ) {
    this.lines = this.load()
  }

  get pending(): readonly PendingLine[] {
    return this.lines
  }

  add(text: string): PendingLine {
    const line = { client_id: this.makeId(), text, refused: null }
    this.store([...this.lines, line])
    return line
  }

  /** The server has it. */
  acknowledge(clientId: string): void {
    this.store(this.lines.filter((line) => line.client_id !== clientId))
  }

  refuse(clientId: string, code: string): void {
    this.store(this.lines.map((line) => (line.client_id === clientId ? { ...line, refused: code } : line)))
  }

  /** Forget the refusal of a line. @returns the line, or null when it is gone. */
  retry(clientId: string): PendingLine | null {
    this.store(this.lines.map((line) => (line.client_id === clientId ? { ...line, refused: null } : line)))
    return this.lines.find((line) => line.client_id === clientId) ?? null
  }

  /** The person throws the line away. */
  discard(clientId: string): void {
    this.acknowledge(clientId)
  }

  private load(): PendingLine[] {
    try {
      const stored: unknown = JSON.parse(this.storage.getItem(this.key) ?? '[]')
      return Array.isArray(stored) ? (stored as PendingLine[]) : []
    } catch {
      // Unreadable leftovers of another version: start empty.
      return []
    }
  }

  private store(lines: PendingLine[]): void {
    this.lines = lines
    try {
      if (lines.length === 0) {
        this.storage.removeItem(this.key)
      } else {
        this.storage.setItem(this.key, JSON.stringify(lines))
      }
    } catch {
      // No storage (private mode, full): the lines live as long as the page.
    }
  }
}
