/** The shared screen: asked for by the person, ended here or by the browser's own bar. */
import { onScopeDispose, ref, shallowRef } from 'vue'
import { MediaError, type MediaReason } from '@/rtc/errors'
import { canCaptureScreen, captureScreen, stopTracks } from '@/rtc/MediaCapture'
import type { Publication } from './usePublication'

export function useScreen(publication: Publication) {
  const media = shallowRef<MediaStream | null>(null)
  const problem = ref<MediaReason | null>(null)

  async function share(): Promise<void> {
    try {
      const captured = await captureScreen()
      media.value = captured
      problem.value = null
      const [video] = captured.getVideoTracks()
      video?.addEventListener('ended', () => unshare())
      publication.start({ video: video ?? null, audio: null })
    } catch (thrown) {
      const reason = thrown instanceof MediaError ? thrown.reason : 'unknown'
      // Closing the picker is an answer, not a problem; the browser calls it a refusal.
      problem.value = reason === 'denied' || reason === 'dismissed' ? null : reason
    }
  }

  function unshare(isSessionGone = false): void {
    publication.stop(isSessionGone)
    stopTracks(media.value)
    media.value = null
  }
  onScopeDispose(() => unshare())
  return { media, problem, isPossible: canCaptureScreen(), share, unshare, toggle: () => (media.value === null ? share() : unshare()) }
}
export type Screen = ReturnType<typeof useScreen>
