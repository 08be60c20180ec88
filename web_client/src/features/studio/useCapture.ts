/** Camera and microphone of this page: chosen, remembered, shown, metered. Sends nothing anywhere. */
import { onScopeDispose, ref, shallowRef } from 'vue'
import { DeviceList, chooseDevice, type DeviceChoice, type DeviceKind } from '@/rtc/DeviceList'
import { Emitter } from '@/rtc/Emitter'
import { MediaError, type MediaReason } from '@/rtc/errors'
import { LevelMeter } from '@/rtc/LevelMeter'
import { captureCamera, captureObstacle, stopTracks } from '@/rtc/MediaCapture'

/** In the place of a device id: this one is not wanted. */
export const noDevice = 'none'
export interface CaptureNews {
  /** Another device sends from now on; null: none does. */
  replaced: { kind: 'video' | 'audio'; track: MediaStreamTrack | null }
}
const kindOf = { videoinput: 'video', audioinput: 'audio' } as const

export function useCapture() {
  const media = shallowRef<MediaStream | null>(null)
  const problem = ref<MediaReason | null>(captureObstacle())
  const busy = ref(false)
  const cameras = shallowRef<readonly DeviceChoice[]>([])
  const microphones = shallowRef<readonly DeviceChoice[]>([])
  const chosen = ref<Record<DeviceKind, string>>({ videoinput: '', audioinput: '' })
  const cameraOn = ref(true)
  const microphoneOn = ref(true)
  const level = ref(0)
  const news = new Emitter<CaptureNews>()
  const meter = new LevelMeter((fresh) => (level.value = fresh))
  const devices = captureObstacle() === null ? new DeviceList(navigator.mediaDevices, localStorage) : null
  devices?.events.on('change', (lists) => {
    cameras.value = lists.videoinput
    microphones.value = lists.audioinput
  })

  const wanted = (kind: DeviceKind) => (chosen.value[kind] === noDevice ? null : chosen.value[kind])

  /** Ask for both; where one does not exist, be content with the other. */
  async function captureWhatIsThere(): Promise<MediaStream> {
    const cameraId = wanted('videoinput')
    const microphoneId = wanted('audioinput')
    try {
      return await captureCamera({ cameraId, microphoneId })
    } catch (thrown) {
      if (!(thrown instanceof MediaError) || thrown.reason !== 'not_found' || cameraId === null || microphoneId === null) throw thrown
      return await captureCamera({ cameraId: null, microphoneId }).catch(() => captureCamera({ cameraId, microphoneId: null }))
    }
  }

  async function open(): Promise<boolean> {
    if (busy.value) return false
    busy.value = true
    try {
      for (const kind of ['videoinput', 'audioinput'] as const) chosen.value[kind] = devices?.remembered(kind) ?? ''
      const captured = await captureWhatIsThere()
      stopTracks(media.value)
      media.value = captured
      problem.value = null
      meter.follow(captured)
      applySwitches()
      for (const track of captured.getTracks()) watchEnd(track)
      const lists = await devices?.refresh()
      for (const kind of ['videoinput', 'audioinput'] as const) {
        const used = captured.getTracks().find((track) => track.kind === kindOf[kind])?.getSettings().deviceId
        chosen.value[kind] = used ?? (lists && lists[kind].length > 0 && wanted(kind) !== null ? chooseDevice(lists[kind], null) : noDevice)
      }
      return true
    } catch (thrown) {
      problem.value = thrown instanceof MediaError ? thrown.reason : 'unknown'
      return false
    } finally {
      busy.value = false
    }
  }

  /** A device that is pulled out ends its track: say so, and try what is left. */
  function watchEnd(track: MediaStreamTrack): void {
    track.addEventListener('ended', () => {
      if (media.value?.getTracks().includes(track) === true) void choose(track.kind === 'video' ? 'videoinput' : 'audioinput', '')
    })
  }

  async function choose(kind: DeviceKind, deviceId: string): Promise<void> {
    chosen.value[kind] = deviceId
    devices?.remember(kind, deviceId)
    if (media.value === null) {
      await open()
      return
    }
    try {
      const fresh = deviceId === noDevice ? null : await captureCamera({ cameraId: kind === 'videoinput' ? deviceId : null, microphoneId: kind === 'audioinput' ? deviceId : null })
      swap(kindOf[kind], fresh?.getTracks()[0] ?? null)
      problem.value = null
      await devices?.refresh()
    } catch (thrown) {
      problem.value = thrown instanceof MediaError ? thrown.reason : 'unknown'
    }
  }

  function swap(kind: 'video' | 'audio', track: MediaStreamTrack | null): void {
    const kept = (media.value?.getTracks() ?? []).filter((one) => one.kind !== kind)
    const old = media.value?.getTracks().find((one) => one.kind === kind)
    media.value = new MediaStream(track === null ? kept : [...kept, track])
    if (track) watchEnd(track)
    applySwitches()
    news.emit('replaced', { kind, track })
    old?.stop()
    if (kind === 'audio') meter.follow(media.value)
  }

  function applySwitches(isPaused = false): void {
    for (const track of media.value?.getVideoTracks() ?? []) track.enabled = cameraOn.value && !isPaused
    for (const track of media.value?.getAudioTracks() ?? []) track.enabled = microphoneOn.value && !isPaused
  }

  function close(): void {
    stopTracks(media.value)
    media.value = null
    meter.stop()
  }
  onScopeDispose(() => {
    close()
    devices?.close()
    news.clear()
  })

  return {
    media, problem, busy, cameras, microphones, chosen, cameraOn, microphoneOn, level, news, open, choose, close,
    /** A break: nothing is seen or heard, the switches keep their place. */
    pause: (isPaused: boolean) => applySwitches(isPaused),
    setCamera: (on: boolean) => {
      cameraOn.value = on
      applySwitches()
    },
    setMicrophone: (on: boolean) => {
      microphoneOn.value = on
      applySwitches()
    },
  }
}
export type Capture = ReturnType<typeof useCapture>
