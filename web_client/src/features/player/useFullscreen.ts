/** Full screen of an element; where only the video itself may (iPhone), that. */
import { onScopeDispose, ref, type Ref } from 'vue'

type PhoneVideo = HTMLVideoElement & { webkitEnterFullscreen?: () => void }

export function useFullscreen(box: Readonly<Ref<HTMLElement | null>>) {
  const isFullscreen = ref(false)
  const measure = () => (isFullscreen.value = document.fullscreenElement !== null && document.fullscreenElement === box.value)
  document.addEventListener('fullscreenchange', measure)
  onScopeDispose(() => document.removeEventListener('fullscreenchange', measure))

  function toggle(): void {
    const element = box.value
    if (element === null) return
    if (document.fullscreenElement !== null) void document.exitFullscreen()
    else if (document.fullscreenEnabled) element.requestFullscreen().catch(() => undefined)
    else element.querySelector<PhoneVideo>('video')?.webkitEnterFullscreen?.()
  }
  return { isFullscreen, toggle }
}
