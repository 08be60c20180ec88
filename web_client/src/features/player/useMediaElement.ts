/** A video element as reactive state, and the few things done to it. Times in ms. */
import { computed, onScopeDispose, ref, watch, type Ref } from 'vue'

const remembered = 'zhijian.volume'

export function useMediaElement(video: Readonly<Ref<HTMLVideoElement | null>>) {
  const playing = ref(false)
  const waiting = ref(false)
  const ended = ref(false)
  const positionMs = ref(0)
  const durationMs = ref(0)
  const bufferedMs = ref(0)
  const rate = ref(1)
  const volume = ref(Number(localStorage.getItem(remembered) ?? 1))
  const muted = ref(false)
  /** The browser plays only without sound until the person asks for it. */
  const soundBlocked = ref(false)

  function measure(): void {
    const media = video.value
    if (media === null) return
    playing.value = !media.paused
    ended.value = media.ended
    positionMs.value = media.currentTime * 1000
    durationMs.value = Number.isFinite(media.duration) ? media.duration * 1000 : 0
    bufferedMs.value = media.buffered.length > 0 ? media.buffered.end(media.buffered.length - 1) * 1000 : 0
    rate.value = media.playbackRate
    volume.value = media.volume
    muted.value = media.muted
    waiting.value = !media.paused && media.readyState < media.HAVE_FUTURE_DATA
  }
  const observed = ['play', 'playing', 'pause', 'ended', 'timeupdate', 'durationchange', 'progress', 'ratechange', 'volumechange', 'waiting', 'canplay', 'seeked', 'seeking'] as const
  watch(video, (media, before) => {
    for (const name of observed) {
      before?.removeEventListener(name, measure)
      media?.addEventListener(name, measure)
    }
    if (media) media.volume = Math.min(1, Math.max(0, volume.value))
    measure()
  }, { immediate: true })
  onScopeDispose(() => observed.forEach((name) => video.value?.removeEventListener(name, measure)))

  /** Play with sound if the browser lets us, else without and say so. */
  async function play(): Promise<void> {
    const media = video.value
    if (media === null) return
    try {
      await media.play()
    } catch (thrown) {
      if (!(thrown instanceof DOMException) || thrown.name !== 'NotAllowedError' || media.muted) return
      media.muted = true
      soundBlocked.value = true
      await media.play().catch(() => undefined)
    }
  }

  function playSound(): void {
    soundBlocked.value = false
    if (video.value) video.value.muted = false
    void play()
  }

  function setVolume(wanted: number): void {
    const media = video.value
    if (media === null) return
    media.volume = Math.min(1, Math.max(0, wanted))
    media.muted = media.volume === 0
    soundBlocked.value = false
    localStorage.setItem(remembered, String(media.volume || 1))
  }

  function toggleMute(): void {
    const media = video.value
    if (media === null) return
    media.muted = !media.muted
    soundBlocked.value = false
  }

  function seekTo(ms: number): void {
    const media = video.value
    if (media === null) return
    media.currentTime = Math.min(Math.max(0, ms), durationMs.value || ms) / 1000
  }

  return {
    playing, waiting, ended, positionMs, durationMs, bufferedMs, rate, volume, muted, soundBlocked,
    audible: computed(() => !muted.value && volume.value > 0),
    play, playSound, setVolume, toggleMute, seekTo,
    pause: () => video.value?.pause(),
    toggle: () => (video.value?.paused === false ? video.value.pause() : void play()),
    setRate: (wanted: number) => {
      if (video.value) video.value.playbackRate = wanted
    },
  }
}
export type Playback = ReturnType<typeof useMediaElement>
