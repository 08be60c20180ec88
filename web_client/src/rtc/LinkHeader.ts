/**
 * ICE servers out of the Link header of a WHIP or WHEP answer.
 * Source: RFC 9725 §4.6 (rel="ice-server"), RFC 8288 §3 (grammar).
 */
const LINK_VALUE = /<([^>]*)>((?:\s*;\s*[^\s=;,]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,"]*))?)*)/g
const PARAMETER = /;\s*([^\s=;,]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?/g

/** @returns the servers in the order of the header; [] when there are none. */
export function parseIceServers(header: string | null): RTCIceServer[] {
  const servers: RTCIceServer[] = []
  for (const [, url, rest] of (header ?? '').matchAll(LINK_VALUE)) {
    const parameters = parseParameters(rest ?? '')
    const relations = (parameters.get('rel') ?? '').split(/\s+/)
    if (url === undefined || !relations.includes('ice-server')) {
      continue
    }
    const server: RTCIceServer = { urls: url }
    const username = parameters.get('username')
    const credential = parameters.get('credential')
    if (username !== undefined && credential !== undefined) {
      server.username = username
      server.credential = credential
    }
    servers.push(server)
  }
  return servers
}

function parseParameters(text: string): Map<string, string> {
  const parameters = new Map<string, string>()
  for (const [, name, quoted, bare] of text.matchAll(PARAMETER)) {
    const key = (name ?? '').toLowerCase()
    // RFC 8288 §3: of a repeated parameter the first one counts.
    if (!parameters.has(key)) {
      parameters.set(key, quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '')
    }
  }
  return parameters
}
