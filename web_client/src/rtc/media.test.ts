import { describe, expect, it, vi } from 'vitest'
import { chooseDevice, DeviceList } from './DeviceList'
import { levelOf } from './LevelMeter'
import { captureObstacle, mediaReason } from './MediaCapture'
import { StallDetector } from './StallDetector'
import { inboundSnapshot, outboundSnapshot, summariseInbound, summariseOutbound } from './StatsSummary'
import { canSend, orderForRoom } from './VideoCodecs'

const report = (entries: object[]): RTCStatsReport => new Map(entries.map((entry, index) => [String(index), entry]))
const failure = (name: string, message = '') => Object.assign(new Error(message), { name })

describe('video codecs', () => {
  const vp8 = { mimeType: 'video/VP8' }
  const high = { mimeType: 'video/H264', sdpFmtpLine: 'packetization-mode=1;profile-level-id=64001f' }
  const modeZero = { mimeType: 'video/H264', sdpFmtpLine: 'packetization-mode=0;profile-level-id=42e01f' }
  const baseline = { mimeType: 'video/H264', sdpFmtpLine: 'packetization-mode=1;profile-level-id=42e01f' }

  it('offers constrained baseline first to a room that takes H264', () => {
    expect(orderForRoom('H264', [vp8, high, modeZero, baseline])).toEqual([baseline, high, modeZero, vp8])
  })

  it('knows when H264 cannot be sent, and does not claim it when the browser is silent', () => {
    expect(canSend('H264', [vp8])).toBe(false)
    expect(canSend('H264', [vp8, baseline])).toBe(true)
    expect(canSend('H264', null)).toBe(true)
  })
})

describe('capture', () => {
  it.each([
    [failure('NotAllowedError', 'Permission denied'), 'denied'],
    [failure('NotAllowedError', 'Permission denied by system'), 'denied_by_system'],
    [failure('NotAllowedError', 'Permission dismissed'), 'dismissed'],
    [failure('NotFoundError'), 'not_found'],
    [failure('NotReadableError'), 'in_use'],
    ['nonsense', 'unknown'],
  ] as const)('names the reason behind %s', (cause, reason) => {
    expect(mediaReason(cause)).toBe(reason)
  })

  it('says before asking that plain HTTP gives no camera', () => {
    expect(captureObstacle(false, undefined)).toBe('insecure_context')
    expect(captureObstacle(true, undefined)).toBe('unsupported')
    expect(captureObstacle(true, {})).toBeNull()
  })
})

describe('devices', () => {
  it('prefers the remembered one, else the first', () => {
    const devices = [{ deviceId: 'a', label: '' }, { deviceId: 'b', label: '' }]
    expect(chooseDevice(devices, 'b')).toBe('b')
    expect(chooseDevice(devices, 'gone')).toBe('a')
    expect(chooseDevice([], 'b')).toBe('')
  })

  it('reports cameras and microphones anew when one comes', async () => {
    const target = new EventTarget()
    const stored = new Map<string, string>()
    const all = [{ kind: 'videoinput', deviceId: 'v', label: 'Camera' }, { kind: 'audiooutput', deviceId: 'o', label: '' }]
    const list = new DeviceList(
      Object.assign(target, { enumerateDevices: () => Promise.resolve(all as MediaDeviceInfo[]) }),
      { getItem: (key) => stored.get(key) ?? null, setItem: (key, value) => void stored.set(key, value) },
    )
    const changed = vi.fn()
    list.events.on('change', changed)
    target.dispatchEvent(new Event('devicechange'))
    await Promise.resolve()
    expect(changed).toHaveBeenCalledWith({ videoinput: [{ deviceId: 'v', label: 'Camera' }], audioinput: [] })
    list.remember('videoinput', 'v')
    expect(list.remembered('videoinput')).toBe('v')
  })
})

describe('level', () => {
  it('runs from silence to full scale in decibels', () => {
    expect(levelOf(new Float32Array(8))).toBe(0)
    expect(levelOf(new Float32Array(8).fill(1))).toBe(1)
    expect(levelOf(new Float32Array(8).fill(0.0316))).toBeCloseTo(0.5, 2)
  })
})

describe('statistics', () => {
  it('gives bitrate and loss of the interval, not of the whole time', () => {
    const at = (bytes: number, packets: number, lost: number, atMs: number) =>
      inboundSnapshot(report([{ type: 'inbound-rtp', kind: 'video', bytesReceived: bytes, packetsReceived: packets, packetsLost: lost, framesDecoded: atMs }]), atMs)
    expect(summariseInbound(at(0, 0, 50, 0), at(125_000, 90, 60, 1000))).toMatchObject({ bitrateBps: 1_000_000, loss: 0.1 })
  })

  it('does not show a negative loss when a late packet arrives', () => {
    const at = (lost: number, atMs: number) => inboundSnapshot(report([{ type: 'inbound-rtp', kind: 'video', packetsLost: lost }]), atMs)
    expect(summariseInbound(at(5, 0), at(4, 1000)).loss).toBe(0)
  })

  it('reads the uplink: codec, loss and round trip as the far side reports them', () => {
    const entries = [
      { type: 'codec', id: 'c1', mimeType: 'video/H264' },
      { type: 'outbound-rtp', kind: 'video', codecId: 'c1', bytesSent: 1000, framesPerSecond: 30 },
      { type: 'remote-inbound-rtp', kind: 'video', fractionLost: 0.02, roundTripTime: 0.05 },
    ]
    const before = outboundSnapshot(report([]), 0)
    expect(summariseOutbound(before, outboundSnapshot(report(entries), 1000))).toMatchObject({
      bitrateBps: 8000, codec: 'H264', loss: 0.02, roundTripMs: 50, framesPerSecond: 30,
    })
  })
})

describe('StallDetector', () => {
  it('judges only after a first frame', () => {
    const stall = new StallDetector()
    expect(stall.feed(0, 10_000, true)).toBe('waiting')
    expect(stall.feed(1, 11_000, true)).toBe('flowing')
    expect(stall.feed(1, 12_999, true)).toBe('flowing')
    expect(stall.feed(1, 13_000, true)).toBe('stalled')
    expect(stall.feed(2, 14_000, true)).toBe('flowing')
  })

  it('blames nobody while the page is hidden', () => {
    const stall = new StallDetector()
    stall.feed(1, 0, true)
    expect(stall.feed(1, 60_000, false)).toBe('flowing')
    expect(stall.feed(1, 61_000, true)).toBe('flowing')
  })
})
