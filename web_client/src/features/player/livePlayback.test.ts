import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope, nextTick, ref, shallowRef, type EffectScope } from 'vue'
import { ApiError } from '@/api/errors'
import { requestMediaGrant } from '@/api/gatherings'
import { requestReplayGrant } from '@/api/replays'
import { FakePeerConnection } from '@/rtc/FakePeerConnection'
import { attachHls, type HlsOptions } from './hlsSource'
import { grantOf, useLivePlayback } from './useLivePlayback'
import type { Playback } from './useMediaElement'

vi.mock('@/api/gatherings', () => ({ requestMediaGrant: vi.fn() }))
vi.mock('@/api/replays', () => ({ requestReplayGrant: vi.fn() }))
vi.mock('./hlsSource', () => ({ attachHls: vi.fn() }))

const answer = 'v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=ice-ufrag:s\r\na=ice-pwd:p\r\n'
const detach = vi.fn()

describe('useLivePlayback', () => {
  let scope: EffectScope
  const isMediaExpected = ref(true)
  const isRoomOpen = ref(true)
  let frameSeen: () => void

  beforeEach(() => {
    vi.useFakeTimers()
    vi.stubGlobal('MediaStream', class { addTrack(): void { /* Nothing is drawn here. */ } })
    vi.stubGlobal('RTCPeerConnection', FakePeerConnection)
    vi.stubGlobal('fetch', () => Promise.resolve(new Response(answer, { status: 201, headers: { Location: 'http://localhost/whep/r/1', ETag: '"1"' } })))
    vi.mocked(requestMediaGrant).mockResolvedValue({ token: 't', url: 'http://localhost/whep/r', media_epoch: 'e', ice_servers: [], expires_at: '' })
    vi.mocked(requestReplayGrant).mockReset().mockRejectedValue(new ApiError('no_replay', 404, ''))
    vi.mocked(attachHls).mockReset().mockResolvedValue({ detach })
    FakePeerConnection.created = []
    isMediaExpected.value = true
    isRoomOpen.value = true
    scope = effectScope()
  })
  afterEach(() => {
    scope.stop()
    vi.unstubAllGlobals()
    vi.useRealTimers()
  })

  async function watchLive() {
    const video = document.createElement('video')
    Object.assign(video, { requestVideoFrameCallback: (seen: () => void) => ((frameSeen = seen), 1) })
    Object.defineProperty(video, 'srcObject', { value: null, writable: true })
    const playback = { play: vi.fn().mockResolvedValue(undefined) } as unknown as Playback
    const live = scope.run(() => useLivePlayback({ gatheringId: 'g', video: shallowRef(video), playback, isMediaExpected, isRoomOpen, isSessionGone: () => false }))
    if (live === undefined) throw new Error('the scope has ended')
    await nextTick()
    await vi.advanceTimersByTimeAsync(0)
    return live
  }
  function showPicture(): void {
    const track = Object.assign(new EventTarget(), { muted: false, kind: 'video' })
    FakePeerConnection.last.become('connected')
    FakePeerConnection.last.dispatch(Object.assign(new Event('track'), { track, transceiver: FakePeerConnection.last.firstTransceiver }))
    frameSeen()
  }
  const playlistExists = () => vi.mocked(requestReplayGrant).mockResolvedValue({ playlist_url: '/p.m3u8' } as Awaited<ReturnType<typeof requestReplayGrant>>)

  it('shows the WHEP picture and asks for no playlist', async () => {
    const live = await watchLive()
    showPicture()
    expect(live.hasPicture.value).toBe(true)
    await vi.advanceTimersByTimeAsync(20_000)
    expect(requestReplayGrant).not.toHaveBeenCalled()
  })

  it('does not take the last frame of another source for a picture', async () => {
    playlistExists()
    const live = await watchLive()
    const track = Object.assign(new EventTarget(), { muted: true, kind: 'video' })
    FakePeerConnection.last.dispatch(Object.assign(new Event('track'), { track, transceiver: FakePeerConnection.last.firstTransceiver }))
    frameSeen()
    expect(live.hasPicture.value).toBe(false)
    await vi.advanceTimersByTimeAsync(5100)
    expect(live.mode.value).toBe('playlist')
  })

  it('falls back to the growing playlist when no frame came in five seconds', async () => {
    playlistExists()
    const live = await watchLive()
    await vi.advanceTimersByTimeAsync(4900)
    expect(live.mode.value).toBe('webrtc')
    await vi.advanceTimersByTimeAsync(200)
    expect(live.mode.value).toBe('playlist')
    expect(vi.mocked(attachHls).mock.calls[0]?.[1]).toBe('/p.m3u8')
  })

  it('blames nobody while nobody publishes, and counts from when somebody does', async () => {
    playlistExists()
    isMediaExpected.value = false
    const live = await watchLive()
    await vi.advanceTimersByTimeAsync(30_000)
    expect(live.mode.value).toBe('webrtc')
    isMediaExpected.value = true
    await nextTick()
    await vi.advanceTimersByTimeAsync(5100)
    expect(live.mode.value).toBe('playlist')
  })

  it('takes the playlist at once where there is no WebRTC', async () => {
    vi.stubGlobal('RTCPeerConnection', undefined)
    playlistExists()
    expect((await watchLive()).mode.value).toBe('playlist')
  })

  it('asks less and less often for a playlist that does not exist, and says that nothing comes', async () => {
    vi.stubGlobal('RTCPeerConnection', undefined)
    const live = await watchLive()
    await vi.advanceTimersByTimeAsync(3000 + 6000 + 12_000)
    expect(requestReplayGrant).toHaveBeenCalledTimes(4)
    expect(live.isStuck.value).toBe(true)
  })

  it('falls back when the path of the picture breaks although the room is there', async () => {
    playlistExists()
    const live = await watchLive()
    showPicture()
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('blocked')))
    FakePeerConnection.last.become('failed')
    await nextTick()
    await vi.advanceTimersByTimeAsync(8100)
    expect(live.mode.value).toBe('playlist')
  })

  it('waits for the network when the room is lost, too', async () => {
    playlistExists()
    const live = await watchLive()
    showPicture()
    isRoomOpen.value = false
    FakePeerConnection.last.become('failed')
    await nextTick()
    await vi.advanceTimersByTimeAsync(20_000)
    expect(live.mode.value).toBe('webrtc')
  })

  it('gives WebRTC another chance when the playlist breaks', async () => {
    playlistExists()
    const live = await watchLive()
    await vi.advanceTimersByTimeAsync(5100)
    const options = vi.mocked(attachHls).mock.calls[0]?.[2] as HlsOptions
    options.failed('network')
    await vi.advanceTimersByTimeAsync(0)
    expect(live.mode.value).toBe('webrtc')
    expect(FakePeerConnection.created).toHaveLength(2)
  })
})

describe('grantOf', () => {
  it.each([
    [new ApiError('network', 0, ''), 'network'],
    [new ApiError('not_on_air', 409, ''), 'not_on_air'],
    [new ApiError('media_unavailable', 503, '', 4), 'busy'],
    [new ApiError('server_failed', 500, ''), 'server'],
    [new ApiError('not_authorised', 403, ''), 'forbidden'],
  ])('tells src/rtc what %s means', async (error, reason) => {
    vi.mocked(requestMediaGrant).mockRejectedValue(error)
    await expect(grantOf(new AbortController().signal, 'g', 'watch')).rejects.toMatchObject({ reason, retryAfterMs: error.retryAfter === null ? null : 4000 })
  })
})
