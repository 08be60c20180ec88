import { describe, expect, it } from 'vitest'
import { applyFragment, fragmentForRestart, parseFragment } from './SdpFragment'

const answer = [
  'v=0',
  'o=- 1 1 IN IP4 0.0.0.0',
  's=-',
  't=0 0',
  'a=group:BUNDLE 0 1',
  'a=ice-lite',
  'm=video 9 UDP/TLS/RTP/SAVPF 96',
  'c=IN IP4 0.0.0.0',
  'a=mid:0',
  'a=ice-ufrag:old',
  'a=ice-pwd:oldpwd',
  'a=candidate:1 1 udp 1 127.0.0.1 8001 typ host',
  'a=end-of-candidates',
  'a=rtpmap:96 H264/90000',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111',
  'c=IN IP4 0.0.0.0',
  'a=mid:1',
  'a=ice-ufrag:old',
  'a=ice-pwd:oldpwd',
  '',
].join('\r\n')

describe('SdpFragment', () => {
  it('asks for a restart with the credentials and the bundled section of the offer', () => {
    const offer = 'v=0\r\na=group:BUNDLE 0 1\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\n'
    expect(fragmentForRestart(offer)).toBe(
      'a=group:BUNDLE 0 1\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n',
    )
  })

  it('makes no fragment of an offer without credentials', () => {
    expect(fragmentForRestart('v=0\r\nm=video 9 X 96\r\na=mid:0\r\n')).toBeNull()
  })

  it('reads credentials and candidates, also with bare line feeds', () => {
    expect(parseFragment('a=ice-ufrag:n\na=ice-pwd:q\na=candidate:2 1 udp 1 192.0.2.1 8001 typ host\n')).toEqual({
      ufrag: 'n',
      pwd: 'q',
      candidates: ['candidate:2 1 udp 1 192.0.2.1 8001 typ host'],
    })
    expect(parseFragment('a=ice-ufrag:n')).toBeNull()
  })

  it('puts new credentials into every section and keeps all else', () => {
    const renewed = applyFragment(answer, { ufrag: 'new', pwd: 'newpwd', candidates: ['candidate:9 1 udp 1 127.0.0.1 9 typ host'] })
    expect(renewed.match(/a=ice-ufrag:new/g)).toHaveLength(2)
    expect(renewed.match(/a=ice-pwd:newpwd/g)).toHaveLength(2)
    expect(renewed).not.toContain('old')
    expect(renewed.match(/a=candidate:/g)).toHaveLength(1)
    expect(renewed).toContain('a=ice-lite')
    expect(renewed).toContain('a=rtpmap:96 H264/90000')
    expect(renewed.indexOf('a=ice-ufrag:new')).toBeGreaterThan(renewed.indexOf('m=video'))
  })
})
