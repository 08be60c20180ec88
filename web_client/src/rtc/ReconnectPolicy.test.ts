import { describe, expect, it } from 'vitest'
import { stepAfterEpochChange, stepAfterFailure, stepAfterIceFailure } from './ReconnectPolicy'

describe('ReconnectPolicy', () => {
  it('repeats an ICE restart each second while nothing comes back, giving up each early', () => {
    expect(stepAfterFailure('network', 'restart', 0, 0)).toEqual({ kind: 'restart', delayMs: 1000, timeoutMs: 1500 })
    expect(stepAfterFailure('timeout', 'restart', 9, 0)).toEqual({ kind: 'restart', delayMs: 1000, timeoutMs: 5000 })
  })

  it.each(['gone', 'stale', 'token'] as const)('answers %s to a PATCH by a new POST at once, and to a POST with pauses', (reason) => {
    expect(stepAfterFailure(reason, 'restart', 40, 0.5)).toMatchObject({ kind: 'post', delayMs: 0 })
    expect(stepAfterFailure(reason, 'post', 1, 0.5)).toMatchObject({ kind: 'post', delayMs: 1000 })
  })

  it('waits as long as a busy server asks, plus jitter', () => {
    expect(stepAfterFailure('busy', 'post', 0, 0.5, 4000)).toMatchObject({ kind: 'post', delayMs: 4500 })
  })

  it.each(['forbidden', 'source_taken', 'codec_not_accepted', 'refused'] as const)('stops after %s', (reason) => {
    expect(stepAfterFailure(reason, 'post', 0, 0).kind).toBe('stop')
  })

  it('holds when there is nothing on air', () => {
    expect(stepAfterFailure('not_on_air', 'post', 0, 0).kind).toBe('hold')
  })

  it('spreads a restart of the media server over at most a second', () => {
    expect(stepAfterEpochChange(0).delayMs).toBe(0)
    expect(stepAfterEpochChange(0.999).delayMs).toBeLessThanOrEqual(1000)
    expect(stepAfterEpochChange(0.5).kind).toBe('post')
  })

  it('meets a failed connection with an ICE restart at once', () => {
    expect(stepAfterIceFailure()).toMatchObject({ kind: 'restart', delayMs: 0 })
  })
})
