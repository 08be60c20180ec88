import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { RtcEnvironment } from './environment'
import { SignalingError } from './errors'
import { FakePeerConnection } from './FakePeerConnection'
import { PeerLink, type PeerLinkState } from './PeerLink'

const ANSWER = 'v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=ice-ufrag:srv\r\na=ice-pwd:srvpwd\r\n'
const FRAGMENT = 'a=ice-ufrag:srv2\r\na=ice-pwd:srvpwd2\r\n'

interface Reply {
  status: number
  body?: string
  headers?: Record<string, string>
}

/** A scripted media node: replies by method, in order; the last one repeats. 'dead' never answers. */
class FakeNode {
  readonly requests: { method: string; url: string; headers: Record<string, string>; body: string }[] = []
  readonly replies: Record<string, (Reply | 'dead' | 'offline')[]> = {
    POST: [{ status: 201, body: ANSWER, headers: { Location: '/whep/room/1', ETag: '"a"' } }],
    PATCH: [{ status: 200, body: FRAGMENT, headers: { ETag: '"b"' } }],
    DELETE: [{ status: 200 }],
  }

  count(method: string): number {
    return this.requests.filter((request) => request.method === method).length
  }

  fetch = (url: string, init: RequestInit): Promise<Response> => {
    const method = init.method ?? 'GET'
    this.requests.push({
      method,
      url,
      headers: init.headers as Record<string, string>,
      body: typeof init.body === 'string' ? init.body : '',
    })
    const queue = this.replies[method] ?? []
    const reply = queue.length > 1 ? queue.shift() : queue[0]
    if (reply === 'offline') {
      return Promise.reject(new TypeError('network'))
    }
    if (reply === undefined || reply === 'dead') {
      return new Promise((_, reject) => {
        init.signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')))
      })
    }
    return Promise.resolve(new Response(reply.body ?? '', { status: reply.status, headers: reply.headers ?? {} }))
  }
}

function problem(status: number, code: string, headers: Record<string, string> = {}): Reply {
  return { status, body: JSON.stringify({ code }), headers }
}

describe('PeerLink', () => {
  let node: FakeNode
  let states: PeerLinkState[]
  let grants: number
  let grant: () => Promise<{ token: string; url: string; ice_servers: []; media_epoch: string }>

  function makeLink(yieldsWhenGone = false): PeerLink {
    const environment: RtcEnvironment = {
      createPeerConnection: (configuration) => new FakePeerConnection(configuration),
      fetch: node.fetch,
      random: () => 0.5,
      now: () => Date.now(),
    }
    const link = new PeerLink({ environment, grant: () => grant(), prepare: () => undefined, yieldsWhenGone })
    link.events.on('state', ({ state }) => states.push(state))
    return link
  }

  async function connect(link: PeerLink): Promise<void> {
    link.start()
    await vi.advanceTimersByTimeAsync(0)
    FakePeerConnection.last.become('connected')
  }

  beforeEach(() => {
    vi.useFakeTimers()
    FakePeerConnection.created = []
    node = new FakeNode()
    states = []
    grants = 0
    grant = () => {
      grants += 1
      return Promise.resolve({ token: `t${grants}`, url: 'http://localhost/whep/room', ice_servers: [], media_epoch: 'e1' })
    }
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('posts an offer with the token and is connected when the connection says so', async () => {
    await connect(makeLink())
    expect(node.requests[0]).toMatchObject({ method: 'POST', headers: { Authorization: 'Bearer t1', 'Content-Type': 'application/sdp' } })
    expect(FakePeerConnection.last.remoteDescriptions).toEqual([ANSWER])
    expect(states).toEqual(['connecting', 'connected'])
  })

  it('gathers with the TURN servers of the answer', async () => {
    const link = '<turn:turn.example.net>; rel="ice-server"; username="1:m"; credential="c="; credential-type="password"'
    node.replies['POST'] = [{ status: 201, body: ANSWER, headers: { Location: '/whep/room/1', ETag: '"a"', Link: link } }]
    await connect(makeLink())
    expect(FakePeerConnection.last.gatheredWith).toEqual([
      { urls: 'turn:turn.example.net', username: '1:m', credential: 'c=' },
    ])
  })

  it('restarts ICE by PATCH with the ETag when the connection failed', async () => {
    await connect(makeLink())
    FakePeerConnection.last.become('failed')
    await vi.advanceTimersByTimeAsync(0)
    const patch = node.requests[1]
    expect(patch).toMatchObject({ method: 'PATCH', url: 'http://localhost/whep/room/1', headers: { 'If-Match': '"a"' } })
    expect(patch?.body).toContain('a=ice-ufrag:local2')
    expect(FakePeerConnection.last.remoteDescriptions.at(-1)).toContain('a=ice-ufrag:srv2')
    FakePeerConnection.last.become('connected')
    expect(states).toEqual(['connecting', 'connected', 'reconnecting', 'connected'])
    expect(FakePeerConnection.created).toHaveLength(1)
  })

  it('uses the newest ETag for the next restart', async () => {
    await connect(makeLink())
    for (let round = 0; round < 2; round += 1) {
      FakePeerConnection.last.become('failed')
      await vi.advanceTimersByTimeAsync(0)
      FakePeerConnection.last.become('connected')
    }
    expect(node.requests[2]?.headers['If-Match']).toBe('"b"')
  })

  it.each([404, 412])('posts anew at once after %i', async (status) => {
    node.replies['PATCH'] = [problem(status, 'x')]
    await connect(makeLink())
    FakePeerConnection.last.become('failed')
    await vi.advanceTimersByTimeAsync(10)
    expect(node.count('POST')).toBe(2)
    expect(FakePeerConnection.created).toHaveLength(2)
    expect(FakePeerConnection.created[0]?.isClosed).toBe(true)
    expect(grants).toBe(2)
  })

  it('asks again each second while nothing comes back, giving each request up early', async () => {
    await connect(makeLink())
    node.replies['PATCH'] = ['dead']
    FakePeerConnection.last.become('failed')
    await vi.advanceTimersByTimeAsync(1500 + 1000 + 1)
    expect(node.count('PATCH')).toBe(2)
    await vi.advanceTimersByTimeAsync(20_000)
    expect(node.count('PATCH')).toBeGreaterThan(4)
    expect(node.count('POST')).toBe(1)
    expect(states.at(-1)).toBe('reconnecting')
  })

  it('tries at once when kicked, even while a request hangs on a dead connection', async () => {
    const link = makeLink()
    await connect(link)
    node.replies['PATCH'] = ['dead']
    FakePeerConnection.last.become('failed')
    await vi.advanceTimersByTimeAsync(10_000)
    node.replies['PATCH'] = [{ status: 200, body: FRAGMENT }]
    link.kick()
    await vi.advanceTimersByTimeAsync(0)
    FakePeerConnection.last.become('connected')
    expect(link.state).toBe('connected')
  })

  it('does nothing when kicked while connected', async () => {
    const link = makeLink()
    await connect(link)
    link.kick()
    await vi.advanceTimersByTimeAsync(100)
    expect(node.requests).toHaveLength(1)
  })

  it('lets a short disconnection heal by itself', async () => {
    await connect(makeLink())
    FakePeerConnection.last.become('disconnected')
    await vi.advanceTimersByTimeAsync(1500)
    FakePeerConnection.last.become('connected')
    await vi.advanceTimersByTimeAsync(5000)
    expect(node.count('PATCH')).toBe(0)
    expect(states.at(-1)).toBe('connected')
  })

  it('finishes a restart under way although the old path heals meanwhile', async () => {
    await connect(makeLink())
    FakePeerConnection.last.become('disconnected')
    node.replies['PATCH'] = ['offline', { status: 200, body: FRAGMENT }]
    await vi.advanceTimersByTimeAsync(2000)
    await vi.advanceTimersByTimeAsync(1000)
    FakePeerConnection.last.become('connected')
    await vi.advanceTimersByTimeAsync(0)
    expect(FakePeerConnection.last.remoteDescriptions.at(-1)).toContain('srv2')
    expect(states.at(-1)).toBe('connected')
  })

  it('posts anew within a second when the media epoch changed, and not for the same epoch', async () => {
    const link = makeLink()
    await connect(link)
    link.renew('e1')
    await vi.advanceTimersByTimeAsync(2000)
    expect(node.count('POST')).toBe(1)
    link.renew('e2')
    await vi.advanceTimersByTimeAsync(500)
    expect(node.count('POST')).toBe(2)
    expect(node.count('DELETE')).toBe(0)
  })

  it('yields a publication that another device took over, and comes back when the server had restarted', async () => {
    node.replies['PATCH'] = [problem(404, 'session_not_found')]
    const link = makeLink(true)
    await connect(link)
    FakePeerConnection.last.become('disconnected')
    await vi.advanceTimersByTimeAsync(10_000)
    expect(link.state).toBe('refused')
    expect(node.count('POST')).toBe(1)
    link.kick()
    await vi.advanceTimersByTimeAsync(1000)
    expect(node.count('POST')).toBe(1)
    link.renew('e2')
    await vi.advanceTimersByTimeAsync(1000)
    expect(node.count('POST')).toBe(2)
  })

  it('does not call a restarted server another device', async () => {
    node.replies['PATCH'] = [problem(404, 'session_not_found')]
    const link = makeLink(true)
    await connect(link)
    FakePeerConnection.last.become('failed')
    await vi.advanceTimersByTimeAsync(1000)
    link.renew('e2')
    link.kick()
    await vi.advanceTimersByTimeAsync(1000)
    expect(states).not.toContain('refused')
    expect(node.count('POST')).toBe(2)
  })

  it('publishes anew after a loss so long that the server had closed the session', async () => {
    node.replies['PATCH'] = ['offline']
    const link = makeLink(true)
    await connect(link)
    FakePeerConnection.last.become('failed')
    await vi.advanceTimersByTimeAsync(70_000)
    node.replies['PATCH'] = [problem(404, 'session_not_found')]
    await vi.advanceTimersByTimeAsync(3000)
    expect(node.count('POST')).toBe(2)
  })

  it('waits as a busy server asks', async () => {
    const busy = problem(503, 'node_full', { 'Retry-After': '3' })
    node.replies['POST'] = [busy, { status: 201, body: ANSWER, headers: { Location: '/whep/room/2' } }]
    makeLink().start()
    await vi.advanceTimersByTimeAsync(3400)
    expect(node.count('POST')).toBe(1)
    await vi.advanceTimersByTimeAsync(200)
    expect(node.count('POST')).toBe(2)
  })

  it('stops with the reason when another device has the source', async () => {
    node.replies['POST'] = [problem(409, 'source_taken')]
    const link = makeLink()
    let reason: string | null = null
    link.events.on('state', (change) => {
      reason = change.reason
    })
    link.start()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(link.state).toBe('refused')
    expect(reason).toBe('source_taken')
    expect(node.count('POST')).toBe(1)
  })

  it('holds while nothing is on air and goes on when kicked', async () => {
    const granted = grant
    grant = () => Promise.reject(new SignalingError('not_on_air'))
    const link = makeLink()
    link.start()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(link.state).toBe('held')
    grant = granted
    link.kick()
    await vi.advanceTimersByTimeAsync(0)
    expect(node.count('POST')).toBe(1)
  })

  it('posts anew when no path opens within the time', async () => {
    makeLink().start()
    await vi.advanceTimersByTimeAsync(6100)
    expect(node.count('POST')).toBe(2)
    expect(node.count('DELETE')).toBe(1)
  })

  it('deletes the session when it closes', async () => {
    const link = makeLink()
    await connect(link)
    link.close()
    expect(node.requests.at(-1)).toMatchObject({ method: 'DELETE', url: 'http://localhost/whep/room/1' })
    expect(FakePeerConnection.last.isClosed).toBe(true)
    expect(states.at(-1)).toBe('closed')
  })

  it('deletes a session that was answered after the link had closed', async () => {
    let answerLate: (response: Response) => void = () => undefined
    const answered = node.fetch
    node.fetch = (url, init) =>
      init.method === 'POST'
        ? new Promise((resolve) => {
            answerLate = resolve
          })
        : answered(url, init)
    const late = makeLink()
    late.start()
    await vi.advanceTimersByTimeAsync(0)
    late.close()
    answerLate(new Response(ANSWER, { status: 201, headers: { Location: '/whep/room/9' } }))
    await vi.advanceTimersByTimeAsync(0)
    expect(node.requests.at(-1)).toMatchObject({ method: 'DELETE', url: 'http://localhost/whep/room/9' })
  })
})
