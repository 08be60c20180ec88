/**
 * Whether the server is reached by HTTP, by WebSocket and for the playlist, and how long a round takes.
 * For /diagnose; asks only for what nobody need be signed in for.
 */
const GIVEN_UP_MS = 5000
const ROUNDS = 5
const CLOSED_BUSY = 1013

export function medianOf(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? null
}

export interface Reach {
  readonly outcome: 'ok' | 'blocked' | 'busy'
  /** Median of some rounds. */
  readonly roundTripMs: number | null
}

const BLOCKED: Reach = { outcome: 'blocked', roundTripMs: null }

/** By HTTP: the first round opens the connection and does not count. */
export async function reachServer(now: () => number): Promise<Reach> {
  const rounds: number[] = []
  try {
    for (let round = 0; round <= ROUNDS; round += 1) {
      const beganMs = now()
      const response = await fetch('/healthz', { cache: 'no-store', signal: AbortSignal.timeout(GIVEN_UP_MS) })
      if (!response.ok) {
        return BLOCKED
      }
      await response.text()
      if (round > 0) {
        rounds.push(now() - beganMs)
      }
    }
  } catch {
    return BLOCKED
  }
  return { outcome: 'ok', roundTripMs: medianOf(rounds) }
}

/** By WebSocket, as the room channel is. */
export function reachChannel(open: (url: string) => WebSocket, now: () => number, base = location.href): Promise<Reach> {
  const url = new URL('/api/diagnosis/echo', base)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return new Promise((resolve) => {
    const rounds: number[] = []
    let beganMs = 0
    let socket: WebSocket
    const finish = (reach: Reach): void => {
      clearTimeout(timer)
      socket.close()
      resolve(reach)
    }
    const timer = setTimeout(() => finish(BLOCKED), GIVEN_UP_MS)
    const ask = (): void => {
      beganMs = now()
      socket.send(String(rounds.length))
    }
    try {
      socket = open(url.href)
    } catch {
      clearTimeout(timer)
      resolve(BLOCKED)
      return
    }
    socket.addEventListener('open', ask)
    socket.addEventListener('message', () => {
      rounds.push(now() - beganMs)
      if (rounds.length > ROUNDS) {
        finish({ outcome: 'ok', roundTripMs: medianOf(rounds) })
      } else {
        ask()
      }
    })
    socket.addEventListener('close', (event) => finish(event.code === CLOSED_BUSY ? { outcome: 'busy', roundTripMs: null } : BLOCKED))
  })
}

/**
 * Whether the recordings service answers under its path. No replay is open to everybody, so a refusal in the
 * service's own words is what shows that the way there is free.
 */
export async function reachPlaylist(): Promise<boolean> {
  try {
    const response = await fetch('/replay/trial/trial/V0.m3u8', { cache: 'no-store', signal: AbortSignal.timeout(GIVEN_UP_MS) })
    const problem = (await response.json()) as { code?: unknown }
    return typeof problem.code === 'string' && problem.code.startsWith('grant_')
  } catch {
    return false
  }
}
