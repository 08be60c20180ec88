/**
 * A moving picture that shows nobody: what /diagnose sends to itself, so that no camera is needed.
 * It changes all the time, or an encoder would send next to nothing.
 */
export interface TestPicture {
  readonly track: MediaStreamTrack
  stop(): void
}

const FRAMES_PER_SECOND = 15
const [WIDTH, HEIGHT] = [320, 180]
const INK = ['#5f574d', '#a8201f', '#2c7a57', '#8f5a0e']

/** @returns null where a canvas gives no track. */
export function drawTestPicture(): TestPicture | null {
  const canvas = document.createElement('canvas')
  canvas.width = WIDTH
  canvas.height = HEIGHT
  const brush = canvas.getContext('2d')
  if (brush === null || typeof canvas.captureStream !== 'function') {
    return null
  }
  let frame = 0
  const draw = (): void => {
    frame += 1
    brush.fillStyle = '#faf8f4'
    brush.fillRect(0, 0, WIDTH, HEIGHT)
    for (let index = 0; index < 24; index += 1) {
      brush.fillStyle = INK[(index + frame) % INK.length] ?? '#000000'
      brush.fillRect((index * 41 + frame * 7) % WIDTH, (index * 29 + frame * 3) % HEIGHT, 34, 22)
    }
  }
  draw()
  const [track] = canvas.captureStream(FRAMES_PER_SECOND).getVideoTracks()
  if (track === undefined) {
    return null
  }
  const timer = setInterval(draw, 1000 / FRAMES_PER_SECOND)
  return {
    track,
    stop: () => {
      clearInterval(timer)
      track.stop()
    },
  }
}
