/** Puts an HLS playlist into a video element: hls.js over MSE first, the browser's own HLS where there is no MSE. */

export interface HlsSource { detach: () => void }
export interface HlsOptions {
  startMs?: number
  /** The source is lost for good; `expired`: the signature of its address ran out. */
  failed: (why: 'expired' | 'network' | 'media') => void
}

/** While a lecture is on, fetch what its replay will need, so that it plays the moment the lecture ends. */
export const preloadHls = (): void => void import('hls.js/light')

export async function attachHls(video: HTMLVideoElement, url: string, options: HlsOptions): Promise<HlsSource> {
  // Chromium says "maybe" to canPlayType without being able to: MSE is asked first (toolchain.md §6).
  if (typeof MediaSource !== 'undefined' || 'ManagedMediaSource' in window) {
    const { default: Hls } = await import('hls.js/light')
    if (Hls.isSupported()) return attachWithMse(Hls, video, url, options)
  }
  return attachNative(video, url, options)
}

function attachWithMse(Hls: typeof import('hls.js/light').default, video: HTMLVideoElement, url: string, options: HlsOptions): HlsSource {
  // No worker: its script would be a blob, which the content security policy does not allow.
  const hls = new Hls({ enableWorker: false, startPosition: options.startMs === undefined ? -1 : options.startMs / 1000, backBufferLength: 60, liveSyncDuration: 6 })
  let mediaRecoveries = 0
  hls.on(Hls.Events.ERROR, (_event, data) => {
    if (!data.fatal) return
    const status = data.response?.code
    if (status === 401 || status === 403 || status === 410) options.failed('expired')
    else if (data.type === Hls.ErrorTypes.MEDIA_ERROR && mediaRecoveries < 2) {
      mediaRecoveries += 1
      hls.recoverMediaError()
    } else options.failed(data.type === Hls.ErrorTypes.MEDIA_ERROR ? 'media' : 'network')
  })
  hls.loadSource(url)
  hls.attachMedia(video)
  return { detach: () => hls.destroy() }
}

function attachNative(video: HTMLVideoElement, url: string, options: HlsOptions): HlsSource {
  const begin = () => {
    if (options.startMs !== undefined) video.currentTime = options.startMs / 1000
  }
  const fail = () => options.failed(video.error?.code === MediaError.MEDIA_ERR_NETWORK ? 'network' : 'media')
  video.addEventListener('loadedmetadata', begin, { once: true })
  video.addEventListener('error', fail)
  video.src = url
  return {
    detach: () => {
      video.removeEventListener('error', fail)
      video.removeAttribute('src')
      video.load()
    },
  }
}
