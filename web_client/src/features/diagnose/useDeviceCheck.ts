/** Tries camera and microphone when asked to, one after the other, so that a missing camera does not hide a good microphone. */
import { onScopeDispose, ref, shallowRef } from 'vue'
import { MediaError, type MediaReason } from '@/rtc/errors'
import { LevelMeter } from '@/rtc/LevelMeter'
import { captureCamera, stopTracks } from '@/rtc/MediaCapture'
import { check, judgeDevice, type Check } from './checks'

export type DeviceCheck = 'camera' | 'microphone'

/** Chromium lists the chosen device a second and third time under these names. */
const aliases = new Set(['default', 'communications'])

export function useDeviceCheck() {
  const results = shallowRef<Readonly<Record<DeviceCheck, Check>>>({ camera: check('waiting'), microphone: check('waiting') })
  const media = shallowRef<MediaStream | null>(null)
  const level = ref(0)
  const busy = ref(false)
  const meter = new LevelMeter((fresh) => (level.value = fresh))
  let isGone = false
  const set = (name: DeviceCheck, result: Check) => (results.value = { ...results.value, [name]: result })

  async function tryOne(name: DeviceCheck): Promise<MediaStreamTrack[]> {
    try {
      const captured = await captureCamera({ cameraId: name === 'camera' ? '' : null, microphoneId: name === 'microphone' ? '' : null })
      const kind = name === 'camera' ? 'videoinput' : 'audioinput'
      const there = (await navigator.mediaDevices.enumerateDevices()).filter((device) => device.kind === kind && !aliases.has(device.deviceId))
      set(name, judgeDevice(null, there.length))
      return captured.getTracks()
    } catch (thrown) {
      const reason: MediaReason = thrown instanceof MediaError ? thrown.reason : 'unknown'
      set(name, judgeDevice(reason, 0))
      return []
    }
  }

  async function run(): Promise<void> {
    if (busy.value) return
    busy.value = true
    stop()
    results.value = { camera: check('checking'), microphone: check('checking') }
    const tracks = [...(await tryOne('camera')), ...(await tryOne('microphone'))]
    const captured = tracks.length === 0 ? null : new MediaStream(tracks)
    if (isGone) stopTracks(captured)
    else {
      media.value = captured
      if (captured !== null) meter.follow(captured)
    }
    busy.value = false
  }

  function stop(): void {
    stopTracks(media.value)
    media.value = null
    meter.stop()
  }
  onScopeDispose(() => {
    isGone = true
    stop()
  })
  return { results, media, level, busy, run, stop }
}
export type Devices = ReturnType<typeof useDeviceCheck>
