import { describe, expect, it } from 'vitest'
import { airTime, bitrate, learningHours, playTime, wholeMinutes, wholePercent } from '@/formatting/amounts'
import { safeNext } from '@/formatting/addresses'
import { coverOf, coverTones } from '@/formatting/covers'
import { calendarLeaf, clockTime, dayKey, dayWithWeekday, fromLocalInput, monthName, toLocalInput, yearOf } from '@/formatting/dates'

describe('dates are read in Asia/Shanghai whatever the device says', () => {
  const lateEvening = '2026-12-31T17:30:00Z'

  it('puts an instant on the day and in the year it has there', () => {
    expect(dayKey(lateEvening)).toBe('2027-01-01')
    expect(yearOf(lateEvening)).toBe(2027)
    expect(clockTime(lateEvening, 'zh-CN')).toBe('01:30')
    expect(clockTime(lateEvening, 'en')).toBe('01:30')
  })

  it('names the day in the order of the language', () => {
    expect(dayWithWeekday('2026-11-23T11:00:00Z', 'zh-CN')).toBe('11月23日 周一')
    expect(dayWithWeekday('2026-11-23T11:00:00Z', 'en')).toBe('Mon 23 Nov')
    expect(monthName('2026-12-02T11:00:00Z', 'zh-CN')).toBe('十二月')
  })

  it('shows the weekday on a leaf within a week and the month beyond', () => {
    const now = new Date('2026-11-23T11:00:00Z')
    expect(calendarLeaf('2026-11-25T11:30:00Z', now, 'zh-CN')).toEqual({ day: '25', below: '周三' })
    expect(calendarLeaf('2026-12-02T11:00:00Z', now, 'zh-CN')).toEqual({ day: '02', below: '十二月' })
  })

  it('takes a typed wall time as Shanghai time and gives it back', () => {
    expect(fromLocalInput('2026-11-25T19:30')).toBe('2026-11-25T11:30:00Z')
    expect(toLocalInput('2026-11-25T11:30:00Z')).toBe('2026-11-25T19:30')
    expect(fromLocalInput('')).toBeNull()
  })
})

describe('amounts', () => {
  it('writes play time with hours only when there are any', () => {
    expect([playTime(724_000), playTime(3_723_000), playTime(-5)]).toEqual(['12:04', '1:02:03', '00:00'])
    expect(airTime(1_421_000)).toBe('00:23:41')
  })

  it('counts anything that began as a minute and nothing as none', () => {
    expect([wholeMinutes(0), wholeMinutes(5_000), wholeMinutes(150_000)]).toEqual([0, 1, 3])
  })

  it('writes hours without needless digits and never rounds a percent up', () => {
    expect([learningHours(25), learningHours(100), learningHours(650)]).toEqual(['0.25', '1', '6.5'])
    expect(wholePercent(8999)).toBe('89%')
    expect([bitrate(2_400_000), bitrate(640_400)]).toEqual(['2.4 Mbit/s', '640 kbit/s'])
  })
})

describe('covers', () => {
  it('breaks at punctuation first, then long runs into even lines', () => {
    expect(coverOf('读懂党章：权利与义务').lines).toEqual(['读懂党章：', '权利与义务'])
    expect(coverOf('校史馆里的一张旧课桌').lines).toEqual(['校史馆里的', '一张旧课桌'])
    expect(coverOf('How to read the party constitution').lines.every((line) => !line.startsWith(' '))).toBe(true)
  })

  it('gives one title always the same tone, within range, and survives an empty title', () => {
    expect(coverOf('志愿服务')).toEqual(coverOf('志愿服务'))
    for (const title of ['', '志', 'A', '一本账本里的诚信', '𠮷野家']) {
      const { tone } = coverOf(title)
      expect(Number.isInteger(tone) && tone >= 0 && tone < coverTones).toBe(true)
    }
    expect(coverOf('𠮷').glyph).toBe('𠮷')
  })
})

describe('where a sign-in leads', () => {
  it('stays on this site', () => {
    expect(safeNext('/record?year=2026')).toBe('/record?year=2026')
    for (const foreign of ['//evil.example', '/\\evil.example', 'https://evil.example', 'javascript:alert(1)', undefined, ['/a']]) expect(safeNext(foreign)).toBe('/')
  })
})
