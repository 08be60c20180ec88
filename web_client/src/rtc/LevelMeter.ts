/**
 * How loud a microphone is, ten times a second. Analyses here, sends nothing.
 */
const INTERVAL_MS = 100
const FLOOR_DB = -60
const FALL_PER_READING = 0.12

/**
 * Loudness of time-domain samples in -1..1.
 * @returns 0 (silence, -60 dBFS or less) to 1 (full scale), linear in decibels.
 */
export function levelOf(samples: Float32Array): number {
  let energy = 0
  for (const sample of samples) {
    energy += sample * sample
  }
  const rms = Math.sqrt(energy / Math.max(1, samples.length))
  const decibels = rms === 0 ? FLOOR_DB : 20 * Math.log10(rms)
  return Math.min(1, Math.max(0, 1 - decibels / FLOOR_DB))
}

export class LevelMeter {
  private context: AudioContext | null = null
  private timer: ReturnType<typeof setInterval> | null = null
  private level = 0

  constructor(private readonly report: (level: number) => void) {}

  /** Follow the first audio track of `media`; without one the level is 0. */
  follow(media: MediaStream): void {
    this.stop()
    if (media.getAudioTracks().length === 0 || typeof AudioContext === 'undefined') {
      return
    }
    const context = new AudioContext()
    const analyser = context.createAnalyser()
    analyser.fftSize = 1024
    context.createMediaStreamSource(media).connect(analyser)
    const samples = new Float32Array(analyser.fftSize)
    this.context = context
    this.timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples)
      // Rises at once and falls slowly: a meter that can be read.
      this.level = Math.max(levelOf(samples), this.level - FALL_PER_READING)
      this.report(this.level)
    }, INTERVAL_MS)
  }

  stop(): void {
    if (this.timer !== null) {
      clearInterval(this.timer)
      this.timer = null
    }
    void this.context?.close()
    this.context = null
    this.level = 0
    this.report(0)
  }
}
