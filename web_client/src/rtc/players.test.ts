import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { RtcEnvironment } from './environment'
import { FakePeerConnection } from './FakePeerConnection'
import { WhepPlayer } from './WhepPlayer'
import { WhipPublisher } from './WhipPublisher'

const ANSWER = 'v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=ice-ufrag:s\r\na=ice-pwd:p\r\n'
const grant = () => Promise.resolve({ token: 't', url: 'http://localhost/whep/r', ice_servers: [], media_epoch: 'e' })

class FakeMediaStream {
  readonly tracks: unknown[]
  constructor(tracks: unknown[] = []) {
    this.tracks = [...tracks]
  }
  addTrack(track: unknown): void {
    this.tracks.push(track)
  }
}

describe('WhepPlayer and WhipPublisher', () => {
  let methods: string[]
  let environment: RtcEnvironment
  let location = ''

  beforeEach(() => {
    vi.useFakeTimers()
    vi.stubGlobal('MediaStream', FakeMediaStream)
    FakePeerConnection.created = []
    methods = []
    location = '/whep/r/1'
    environment = {
      createPeerConnection: (configuration) => new FakePeerConnection(configuration),
      fetch: (_url, init) => {
        methods.push(init.method ?? '')
        const body = init.method === 'PATCH' ? 'a=ice-ufrag:n\r\na=ice-pwd:q\r\n' : ANSWER
        return Promise.resolve(new Response(body, { status: init.method === 'POST' ? 201 : 200, headers: { Location: location, ETag: '"1"' } }))
      },
      random: () => 0,
      now: () => Date.now(),
    }
  })
  afterEach(() => {
    vi.useRealTimers()
    vi.unstubAllGlobals()
  })

  async function play(): Promise<WhepPlayer> {
    const player = new WhepPlayer({ grant, environment })
    player.start()
    await vi.advanceTimersByTimeAsync(0)
    FakePeerConnection.last.become('connected')
    return player
  }
  const decode = (frames: number): void => {
    FakePeerConnection.last.stats.set('v', { type: 'inbound-rtp', kind: 'video', framesDecoded: frames })
  }

  it('negotiates program picture and sound as receive-only sections in slot order', async () => {
    const player = new WhepPlayer({ grant, environment, slots: { video: 3, audio: 1 } })
    player.start()
    await vi.advanceTimersByTimeAsync(0)
    expect(FakePeerConnection.last.transceivers.map(({ kind, init }) => [kind, init?.direction])).toEqual([
      ['video', 'recvonly'], ['video', 'recvonly'], ['video', 'recvonly'], ['audio', 'recvonly'],
    ])
    player.close()
  })

  it('asks for a new path when a running picture stands still, then for a new session', async () => {
    const player = await play()
    decode(10)
    await vi.advanceTimersByTimeAsync(1000)
    await vi.advanceTimersByTimeAsync(4000)
    expect(methods).toEqual(['POST', 'PATCH'])
    await vi.advanceTimersByTimeAsync(7000)
    expect(methods).toEqual(['POST', 'PATCH', 'DELETE', 'POST'])
    player.close()
  })

  it('does not blame the path while nobody publishes', async () => {
    const player = await play()
    player.setMediaExpected(false)
    decode(10)
    await vi.advanceTimersByTimeAsync(30_000)
    expect(methods).toEqual(['POST'])
    player.close()
  })

  it('reports flow changes once', async () => {
    const player = await play()
    const flows: string[] = []
    player.events.on('flow', (flow) => flows.push(flow))
    player.setMediaExpected(false)
    decode(10)
    await vi.advanceTimersByTimeAsync(2000)
    await vi.advanceTimersByTimeAsync(4000)
    decode(11)
    await vi.advanceTimersByTimeAsync(1000)
    expect(flows).toEqual(['flowing', 'stalled', 'flowing'])
    player.close()
  })

  it('publishes the same tracks again after the media server restarted', async () => {
    const publisher = new WhipPublisher({ source: 'camera', codec: 'H264', grant, environment })
    const track = (kind: string) => ({ kind }) as MediaStreamTrack
    publisher.start({ video: track('video'), audio: track('audio') })
    await vi.advanceTimersByTimeAsync(0)
    FakePeerConnection.last.become('connected')
    publisher.renew('e2')
    await vi.advanceTimersByTimeAsync(0)
    expect(FakePeerConnection.created).toHaveLength(2)
    expect(FakePeerConnection.last.transceivers.map(({ kind, init }) => [kind, init?.direction])).toEqual([
      ['video', 'sendonly'], ['audio', 'sendonly'],
    ])
    publisher.close()
  })

  describe('simulcast', () => {
    const active = () => FakePeerConnection.last.firstTransceiver?.sender.getParameters().encodings.map((layer) => [layer.rid, layer.active])
    const wanted = (session_id: string, ...layers: string[]) => ({ session_id, source: 'camera', wanted: layers })
    async function publish(source: 'camera' | 'screen' = 'camera'): Promise<WhipPublisher> {
      const publisher = new WhipPublisher({ source, codec: 'H264', grant, environment })
      publisher.start({ video: { kind: 'video' } as MediaStreamTrack, audio: null })
      await vi.advanceTimersByTimeAsync(0)
      FakePeerConnection.last.become('connected')
      return publisher
    }

    it('offers three layers of a camera, lowest first, and one of a screen', async () => {
      const camera = await publish()
      const offered = FakePeerConnection.last.transceivers[0]?.init?.sendEncodings ?? []
      expect(offered.map(({ rid, scaleResolutionDownBy }) => [rid, scaleResolutionDownBy])).toEqual([['l', 4], ['m', 2], ['h', 1]])
      camera.close()
      const screen = await publish('screen')
      expect(active()).toEqual([[undefined, true]])
      screen.close()
    })

    it('sends what is watched, and everything until it is told', async () => {
      const publisher = await publish()
      expect(active()).toEqual([['l', true], ['m', true], ['h', true]])
      publisher.setWantedLayers(wanted('1', 'h'))
      publisher.setWantedLayers(wanted('1', 'l', 'h'))
      await vi.advanceTimersByTimeAsync(0)
      expect(active()).toEqual([['l', true], ['m', false], ['h', true]])
      publisher.setWantedLayers(wanted('1', 'l', 'm', 'h'))
      await vi.advanceTimersByTimeAsync(0)
      expect(active()).toEqual([['l', true], ['m', true], ['h', true]])
      publisher.close()
    })

    it('ignores what is said of another session or source, and what names none of its layers', async () => {
      const publisher = await publish()
      publisher.setWantedLayers(wanted('another', 'l'))
      publisher.setWantedLayers({ ...wanted('1', 'l'), source: 'screen' })
      publisher.setWantedLayers(wanted('1', 'x'))
      await vi.advanceTimersByTimeAsync(0)
      expect(active()).toEqual([['l', true], ['m', true], ['h', true]])
      publisher.close()
    })

    it('sends everything again in a new session', async () => {
      const publisher = await publish()
      publisher.setWantedLayers(wanted('1', 'l'))
      location = '/whip/r/2'
      publisher.renew('e2')
      await vi.advanceTimersByTimeAsync(0)
      expect(active()).toEqual([['l', true], ['m', true], ['h', true]])
      publisher.close()
    })
  })
})
