import { describe, expect, it } from 'vitest'
import { parseIceServers } from './LinkHeader'

describe('parseIceServers', () => {
  it('reads the example of RFC 9725 §4.6', () => {
    const header =
      '<stun:stun.example.net>; rel="ice-server", ' +
      '<turn:turn.example.net?transport=udp>; rel="ice-server"; username="user"; credential="myPassword"; credential-type="password"'
    expect(parseIceServers(header)).toEqual([
      { urls: 'stun:stun.example.net' },
      { urls: 'turn:turn.example.net?transport=udp', username: 'user', credential: 'myPassword' },
    ])
  })

  it('keeps commas and semicolons inside quotes', () => {
    expect(parseIceServers('<turn:a>; rel="ice-server"; username="x,y;z"; credential="q\\"r"')).toEqual([
      { urls: 'turn:a', username: 'x,y;z', credential: 'q"r' },
    ])
  })

  it('ignores other relations and an absent header', () => {
    expect(parseIceServers('<https://example.net>; rel="next"')).toEqual([])
    expect(parseIceServers(null)).toEqual([])
  })
})
