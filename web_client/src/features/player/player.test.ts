import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Coverage, ReplayProgress } from '@/api/types'
import { PlayedSegments } from './PlayedSegments'
import { toFile, toProgramme } from './programmeMap'
import { ProgressReporter, reportEveryMs } from './ProgressReporter'
import { nextSpeed } from './speeds'
import { actionOf } from './usePlayerKeys'

describe('programme map', () => {
  // A break of the recording between 60 s and 70 s of file time; programme 90–100 s was not recorded.
  const pieces = [
    { programme_start_ms: 0, programme_end_ms: 60_000, file_start_ms: 0 },
    { programme_start_ms: 60_000, programme_end_ms: 90_000, file_start_ms: 70_000 },
    { programme_start_ms: 100_000, programme_end_ms: 120_000, file_start_ms: 100_000 },
  ]
  it('carries programme instants into the file', () => {
    expect(toFile(pieces, 30_000)).toBe(30_000)
    expect(toFile(pieces, 60_000)).toBe(70_000)
    expect(toFile(pieces, 95_000)).toBe(100_000)
    expect(toFile(pieces, 120_000)).toBeNull()
  })
  it('stands still where the file has no programme', () => {
    expect(toProgramme(pieces, 65_000)).toBe(60_000)
    expect(toProgramme(pieces, 75_000)).toBe(65_000)
    expect(toProgramme([], 5)).toBeNull()
  })
})

describe('PlayedSegments', () => {
  let played: PlayedSegments
  beforeEach(() => (played = new PlayedSegments()))

  it('joins a continuous run into one stretch', () => {
    for (const at of [0, 250, 500, 750]) played.advance(at)
    played.stop(900)
    expect(played.take()).toEqual([[0, 900]])
    expect(played.take()).toEqual([])
  })
  it('never counts the jump of a seek, forwards or back', () => {
    played.advance(1000)
    played.advance(1500)
    played.seek()
    played.advance(60_000)
    played.advance(60_400)
    played.advance(200)
    played.stop(300)
    expect(played.take()).toEqual([[1000, 1500], [60_000, 60_400], [200, 300]])
  })
  it('sees a jump that no event announced', () => {
    played.advance(0)
    played.advance(500)
    played.advance(9000)
    played.stop(9100)
    expect(played.take()).toEqual([[0, 500], [9000, 9100]])
  })
  it('goes on from where a report ended', () => {
    played.advance(0)
    played.advance(2000)
    expect(played.take()).toEqual([[0, 2000]])
    played.advance(2500)
    expect(played.take()).toEqual([[2000, 2500]])
  })
})

describe('ProgressReporter', () => {
  const coverage = { covered_ms: 1 } as Coverage
  let sent: { progress: ReplayProgress; keepalive: boolean }[]
  let fails: boolean
  let covered: Coverage[]
  const make = () =>
    new ProgressReporter({
      watchId: 'w',
      send: (progress, keepalive) => {
        sent.push({ progress, keepalive })
        return fails ? Promise.reject(new Error('offline')) : Promise.resolve({ coverage })
      },
      playhead: () => ({ positionMs: 1234.5, rate: 1.5 }),
      covered: (fresh) => covered.push(fresh),
    })
  beforeEach(() => {
    vi.useFakeTimers()
    sent = []
    covered = []
    fails = false
  })
  afterEach(() => vi.useRealTimers())

  it('reports in time, numbered, and only when something was played', async () => {
    const reporter = make()
    await vi.advanceTimersByTimeAsync(reportEveryMs)
    expect(sent).toEqual([])
    reporter.played.advance(0)
    reporter.played.advance(2000)
    await vi.advanceTimersByTimeAsync(reportEveryMs)
    expect(sent).toEqual([{ progress: { watch_id: 'w', seq: 1, position_ms: 1235, rate: 1.5, segments: [[0, 2000]] }, keepalive: false }])
    expect(covered).toEqual([coverage])
    expect(reportEveryMs).toBeLessThanOrEqual(10_000)
    reporter.close()
  })
  it('sends an unanswered report again unchanged before anything new', async () => {
    fails = true
    const reporter = make()
    reporter.played.advance(0)
    reporter.played.advance(1000)
    await reporter.report()
    fails = false
    reporter.played.advance(2000)
    await reporter.report()
    await reporter.report()
    expect(sent.map(({ progress }) => [progress.seq, progress.segments])).toEqual([[1, [[0, 1000]]], [1, [[0, 1000]]], [2, [[1000, 2000]]]])
    reporter.close()
  })
  it('sends the last stretch with keepalive when it closes', () => {
    const reporter = make()
    reporter.played.advance(0)
    reporter.played.advance(700)
    reporter.close()
    expect(sent).toMatchObject([{ keepalive: true, progress: { segments: [[0, 700]] } }])
  })
})

describe('keyboard and speed', () => {
  it('has every key of the live player, and moves in time only in a replay', () => {
    const calls: string[] = []
    const live = { toggle: () => calls.push('toggle'), toggleMute: () => calls.push('mute'), toggleFullscreen: () => calls.push('full'), louder: (by: number) => calls.push(`volume ${by}`) }
    for (const key of [' ', 'k', 'm', 'f', 'arrowup', 'arrowdown', 'j', '5', '>', 'x']) actionOf(key, live)?.()
    expect(calls).toEqual(['toggle', 'toggle', 'mute', 'full', 'volume 0.1', 'volume -0.1'])
    const moved: number[] = []
    const replay = { ...live, seekBy: (ms: number) => moved.push(ms), seekToShare: (share: number) => moved.push(share), faster: (steps: number) => moved.push(steps) }
    for (const key of ['arrowleft', 'arrowright', 'j', 'l', '0', '9', '<', '>']) actionOf(key, replay)?.()
    expect(moved).toEqual([-5000, 5000, -10_000, 10_000, 0, 0.9, -1, 1])
  })
  it('steps through the speeds and stays at the ends', () => {
    expect(nextSpeed(1, 1)).toBe(1.25)
    expect(nextSpeed(2, 1)).toBe(2)
    expect(nextSpeed(0.75, -1)).toBe(0.75)
  })
})
