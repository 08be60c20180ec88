import { describe, expect, it } from 'vitest'
import { PlayoutBuffer } from './PlayoutBuffer'

describe('PlayoutBuffer', () => {
  it('leaves a good network alone', () => {
    const buffer = new PlayoutBuffer()
    expect([0, 0.005, 0].map((loss, second) => buffer.feed(loss, 100, second * 1000))).toEqual([null, null, null])
  })

  it('waits three round trips while packets are lost, within bounds', () => {
    expect(new PlayoutBuffer().feed(0.05, 100, 0)).toBe(300)
    expect(new PlayoutBuffer().feed(0.05, 5, 0)).toBe(150)
    expect(new PlayoutBuffer().feed(0.05, null, 0)).toBe(150)
    expect(new PlayoutBuffer().feed(0.05, 900, 0)).toBe(600)
  })

  it('goes down only after half a minute without loss', () => {
    const buffer = new PlayoutBuffer()
    expect(buffer.feed(0.05, 100, 0)).toBe(300)
    expect(buffer.feed(0.02, 60, 1000)).toBe(300)
    expect(buffer.feed(0, 60, 20_000)).toBe(300)
    expect(buffer.feed(0, 60, 31_000)).toBe(null)
    expect(buffer.feed(0.02, 60, 32_000)).toBe(180)
    buffer.reset()
    expect(buffer.feed(0, 60, 33_000)).toBe(null)
  })
})
