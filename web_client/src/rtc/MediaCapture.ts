/**
 * Camera, microphone and screen of this device, and the reasons when they
 * cannot be had. Remembers and shows nothing.
 */
import { MediaError, type MediaReason } from './errors'

export interface CaptureChoice {
  /** null: none wanted; '': any device. */
  readonly cameraId: string | null
  readonly microphoneId: string | null
}

const REASON_BY_NAME: ReadonlyMap<string, MediaReason> = new Map([
  ['NotFoundError', 'not_found'],
  ['OverconstrainedError', 'not_found'],
  ['NotReadableError', 'in_use'],
  ['AbortError', 'in_use'],
  ['SecurityError', 'insecure_context'],
])

/**
 * The reason behind what getUserMedia or getDisplayMedia threw.
 * Chromium says which kind of refusal it was only in the message.
 */
export function mediaReason(cause: unknown): MediaReason {
  if (!(cause instanceof Error)) {
    return 'unknown'
  }
  if (cause.name === 'NotAllowedError') {
    if (/system/i.test(cause.message)) {
      return 'denied_by_system'
    }
    return /dismissed/i.test(cause.message) ? 'dismissed' : 'denied'
  }
  return REASON_BY_NAME.get(cause.name) ?? 'unknown'
}

/** Why no capture is possible here at all, before asking; null when it may be tried. */
export function captureObstacle(
  isSecure = globalThis.isSecureContext,
  devices: unknown = navigator.mediaDevices,
): MediaReason | null {
  if (!isSecure) {
    return 'insecure_context'
  }
  return devices === undefined ? 'unsupported' : null
}

/** @throws MediaError */
export async function captureCamera(choice: CaptureChoice): Promise<MediaStream> {
  return capture(() =>
    navigator.mediaDevices.getUserMedia({
      video: choice.cameraId === null ? false : videoConstraints(choice.cameraId),
      audio: choice.microphoneId === null ? false : audioConstraints(choice.microphoneId),
    }),
  )
}

/** @throws MediaError: `dismissed` when the person closed the picker. */
export async function captureScreen(): Promise<MediaStream> {
  if (typeof navigator.mediaDevices.getDisplayMedia !== 'function') {
    throw new MediaError('unsupported')
  }
  const screen = await capture(() =>
    navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { ideal: 15, max: 30 } }, audio: false }),
  )
  for (const track of screen.getVideoTracks()) {
    track.contentHint = 'detail'
  }
  return screen
}

export function canCaptureScreen(): boolean {
  const devices = navigator.mediaDevices as MediaDevices | undefined
  return typeof devices?.getDisplayMedia === 'function'
}

export function stopTracks(media: MediaStream | null): void {
  for (const track of media?.getTracks() ?? []) {
    track.stop()
  }
}

async function capture(ask: () => Promise<MediaStream>): Promise<MediaStream> {
  const obstacle = captureObstacle()
  if (obstacle !== null) {
    throw new MediaError(obstacle)
  }
  try {
    return await ask()
  } catch (cause) {
    throw new MediaError(mediaReason(cause), { cause })
  }
}

function device(id: string): Pick<MediaTrackConstraints, 'deviceId'> {
  // `ideal`: a remembered camera that was unplugged is no failure.
  return id === '' ? {} : { deviceId: { ideal: id } }
}

function videoConstraints(id: string): MediaTrackConstraints {
  return { ...device(id), width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } }
}

function audioConstraints(id: string): MediaTrackConstraints {
  return { ...device(id), echoCancellation: true, noiseSuppression: true, autoGainControl: true }
}
