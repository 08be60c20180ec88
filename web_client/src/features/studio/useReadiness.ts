/** What must be right before Start, each with a verdict; one that blocks keeps the button shut. */
import { computed, type Ref } from 'vue'
import type { Detail } from '@/api/types'
import { hasWebRtc } from '@/rtc/environment'
import { canSend, sendableVideoCodecs } from '@/rtc/VideoCodecs'
import type { Capture } from './useCapture'

export interface Check { name: 'camera' | 'microphone' | 'codec' | 'recording'; verdict: 'ok' | 'warn' | 'blocks'; text: string }

export function useReadiness(capture: Capture, detail: Readonly<Ref<Detail>>) {
  const sendsH264 = canSend('H264', sendableVideoCodecs())
  return computed<Check[]>(() => {
    const hasVideo = (capture.media.value?.getVideoTracks().length ?? 0) > 0
    const hasAudio = (capture.media.value?.getAudioTracks().length ?? 0) > 0
    const { records } = detail.value
    const codec = !hasWebRtc() ? 'no_webrtc' : records && !sendsH264 ? 'no_h264' : 'ok'
    const devices: Check[] = [
      { name: 'camera', verdict: hasVideo ? 'ok' : 'warn', text: hasVideo ? 'ok' : 'missing' },
      { name: 'microphone', verdict: hasAudio ? 'ok' : 'warn', text: hasAudio ? 'ok' : 'missing' },
    ]
    return [
      // Without a capture the reason stands in the picture's place; nothing more can be said about devices.
      ...(capture.media.value === null ? [] : devices),
      { name: 'codec', verdict: codec === 'ok' ? 'ok' : 'blocks', text: codec },
      { name: 'recording', verdict: 'ok', text: !records ? 'never' : detail.value.replay_release },
    ]
  })
}
