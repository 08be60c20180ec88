import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { codecNames } from './BrowserCapabilities'
import type { RtcEnvironment } from './environment'
import { FakePeerConnection } from './FakePeerConnection'
import { medianOf, reachChannel } from './Reachability'
import { onlyPath, TRIAL_CONNECT_MS, TrialLink, transportsOf, type TrialOffer } from './TrialLink'
import { trialQuality } from './TrialQuality'

const UDP = 'a=candidate:1 1 udp 2130706431 192.0.2.1 8001 typ host'
const TCP = 'a=candidate:2 1 tcp 1671430143 192.0.2.1 8001 typ host tcptype passive'
const ANSWER = ['v=0', 'm=video 9 UDP/TLS/RTP/SAVPF 96', UDP, TCP, 'a=end-of-candidates', ''].join('\r\n')
const report = (...entries: Record<string, unknown>[]) => new Map(entries.map((entry, index) => [String(index), entry])) as unknown as RTCStatsReport

describe('a path on its own', () => {
  it('keeps the candidates of its transport and everything else', () => {
    expect([...transportsOf(ANSWER)]).toEqual(['udp', 'tcp'])
    expect(onlyPath(ANSWER, 'udp')).toBe(ANSWER.replace(`${TCP}\r\n`, ''))
    expect(onlyPath(ANSWER, 'tcp')).toBe(ANSWER.replace(`${UDP}\r\n`, ''))
    // What the relay sends on goes by UDP.
    expect(onlyPath(ANSWER, 'relay')).toBe(onlyPath(ANSWER, 'udp'))
  })
})

describe('TrialLink', () => {
  let answer = ANSWER
  let methods: string[] = []
  const environment: RtcEnvironment = {
    createPeerConnection: (configuration) => new FakePeerConnection(configuration),
    fetch: (_url, init) => {
      methods.push(init.method ?? '')
      return Promise.resolve(new Response(answer, { status: init.method === 'POST' ? 201 : 200, headers: { Location: '/whep/r/1', Link: '<turn:turn.example.org>; rel="ice-server"; username="u"; credential="c"' } }))
    },
    random: () => 0,
    now: () => Date.now(),
  }
  const open = (path: 'udp' | 'tcp' | 'relay', answered?: (offer: TrialOffer) => void) =>
    TrialLink.open({ environment, token: 't', url: 'http://localhost/whep/r', path, prepare: () => undefined, ...(answered ? { answered } : {}) })

  beforeEach(() => {
    vi.useFakeTimers()
    FakePeerConnection.created = []
    methods = []
    answer = ANSWER
  })
  afterEach(() => void vi.useRealTimers())

  it('opens by the asked path alone, tells what the server offers, and leaves nothing behind', async () => {
    const offers: TrialOffer[] = []
    const opening = open('tcp', (offer) => void offers.push(offer))
    await vi.advanceTimersByTimeAsync(100)
    FakePeerConnection.last.become('connected')
    const link = await opening
    expect(FakePeerConnection.last.remoteDescriptions).toEqual([onlyPath(ANSWER, 'tcp')])
    expect([...(offers[0]?.transports ?? [])]).toEqual(['udp', 'tcp'])
    expect(offers[0]?.iceServers[0]?.urls).toBe('turn:turn.example.org')
    expect(link.connectMs).toBe(100)
    await link.close()
    expect(FakePeerConnection.last.isClosed).toBe(true)
    expect(methods).toEqual(['POST', 'DELETE'])
  })

  it('says absent without trying when the server offers no such path', async () => {
    answer = ANSWER.replace(`${TCP}\r\n`, '')
    await expect(open('tcp')).rejects.toMatchObject({ reason: 'absent' })
    expect(FakePeerConnection.last.remoteDescriptions).toEqual([])
    expect(methods).toEqual(['POST', 'DELETE'])
  })

  it('says blocked when nothing comes through in time, and when the browser gives up', async () => {
    const waiting = expect(open('udp')).rejects.toMatchObject({ reason: 'blocked' })
    await vi.advanceTimersByTimeAsync(TRIAL_CONNECT_MS)
    await waiting
    const failing = expect(open('udp')).rejects.toMatchObject({ reason: 'blocked' })
    await vi.advanceTimersByTimeAsync(0)
    FakePeerConnection.last.become('failed')
    await failing
    expect(FakePeerConnection.created.every((one) => one.isClosed)).toBe(true)
    expect(methods.filter((method) => method === 'DELETE')).toHaveLength(2)
  })

  it('uses nothing but the relay where that is asked for', async () => {
    const opening = open('relay')
    await vi.advanceTimersByTimeAsync(0)
    expect(FakePeerConnection.last.configuration.iceTransportPolicy).toBe('relay')
    FakePeerConnection.last.become('connected')
    await (await opening).close()
  })
})

describe('trialQuality', () => {
  const sending = report(
    { type: 'outbound-rtp', kind: 'video', packetsSent: 200 },
    { type: 'remote-inbound-rtp', kind: 'video', packetsLost: 10, jitter: 0.004 },
    { type: 'candidate-pair', nominated: true, currentRoundTripTime: 0.02 },
  )
  const receiving = report(
    { type: 'inbound-rtp', kind: 'video', packetsReceived: 190, packetsLost: 10, jitter: 0.009, framesDecoded: 80, codecId: 'c' },
    { id: 'c', type: 'codec', mimeType: 'video/H264' },
    { type: 'candidate-pair', nominated: true, currentRoundTripTime: 0.03 },
  )

  it('takes the worse end for delay and jitter, and each direction for loss', () => {
    expect(trialQuality(sending, receiving)).toEqual({
      roundTripMs: 30, jitterMs: 9, lossUp: 0.05, lossDown: 0.05, packetsSent: 200, packetsReceived: 190, framesDecoded: 80, codec: 'H264',
    })
  })

  it('claims nothing that was not measured', () => {
    expect(trialQuality(report(), report())).toEqual({
      roundTripMs: null, jitterMs: null, lossUp: null, lossDown: null, packetsSent: 0, packetsReceived: 0, framesDecoded: 0, codec: null,
    })
  })
})

describe('reachability', () => {
  class Echo extends EventTarget {
    sent = 0
    constructor(private readonly answers: number) {
      super()
      queueMicrotask(() => this.dispatchEvent(new Event('open')))
    }
    send(): void {
      this.sent += 1
      queueMicrotask(() => this.dispatchEvent(this.sent <= this.answers ? new Event('message') : Object.assign(new Event('close'), { code: 1006 })))
    }
    close(): void { /* Nothing to close. */ }
  }
  const socket = (answers: number) => () => new Echo(answers) as unknown as WebSocket

  it('takes the median of some rounds of the channel', async () => {
    let ms = 0
    expect(await reachChannel(socket(99), () => (ms += 7), 'https://z.example')).toEqual({ outcome: 'ok', roundTripMs: 7 })
    expect(medianOf([9, 1, 5])).toBe(5)
    expect(medianOf([])).toBeNull()
  })

  it('calls a channel that closes early, or cannot be opened, blocked', async () => {
    expect((await reachChannel(socket(2), () => 0, 'http://z.example')).outcome).toBe('blocked')
    const refuses = () => { throw new DOMException('no', 'SecurityError') }
    expect((await reachChannel(refuses, () => 0, 'http://z.example')).outcome).toBe('blocked')
  })

  it('asks by wss where the page came by https', async () => {
    const asked: string[] = []
    await reachChannel((url) => { asked.push(url); return socket(0)() }, () => 0, 'https://z.example/diagnose')
    expect(asked).toEqual(['wss://z.example/api/diagnosis/echo'])
  })
})

it('codec names are listed once and without helpers', () => {
  const codecs = ['video/VP8', 'video/rtx', 'video/H264', 'video/H264', 'video/ulpfec'].map((mimeType) => ({ mimeType }))
  expect(codecNames({ codecs })).toEqual(['VP8', 'H264'])
  expect(codecNames(null)).toBeNull()
})
