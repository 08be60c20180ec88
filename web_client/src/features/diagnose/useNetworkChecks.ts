/** Runs everything that needs no device: browser, server, room channel, media paths, playlist. One run at a time. */
import { onScopeDispose, ref, shallowRef } from 'vue'
import { beginTrial } from '@/api/diagnosis'
import { browserCapabilities, type BrowserCapabilities } from '@/rtc/BrowserCapabilities'
import { browserEnvironment, type PeerConnection } from '@/rtc/environment'
import { reachChannel, reachPlaylist, reachServer } from '@/rtc/Reachability'
import { drawTestPicture, type TestPicture } from '@/rtc/TestPicture'
import { TrialError, TrialLink, type TrialOffer, type TrialPath } from '@/rtc/TrialLink'
import { trialQuality } from '@/rtc/TrialQuality'
import { orderForRoom, sendableVideoCodecs } from '@/rtc/VideoCodecs'
import { check, groups, judgeBrowser, judgeCodecs, judgePicture, judgeQuality, judgeReach, judgeSecure, type Check } from './checks'

/** Long enough for some hundred packets and several reports of the server. */
const measureMs = 6000
const names = [...groups.browser, ...groups.network] as const
export type NetworkCheck = (typeof names)[number]
type Trial = Awaited<ReturnType<typeof beginTrial>>
type Results = Readonly<Record<NetworkCheck, Check>>
interface Pair { sending: TrialLink; receiving: TrialLink }

const all = (one: Check) => Object.fromEntries(names.map((name) => [name, one])) as Results
const hasTurn = (servers: readonly RTCIceServer[]) => servers.some(({ urls }) => [urls].flat().some((url) => /^turns?:/i.test(url)))

export function useNetworkChecks() {
  const results = shallowRef<Results>(all(check('checking')))
  const running = ref(false)
  const environment = browserEnvironment()
  let isGone = false
  const open = new Set<TrialLink>()
  const set = (name: NetworkCheck, result: Check) => (results.value = { ...results.value, [name]: result })
  const now = () => performance.now()

  async function link(trial: Trial, kind: 'whip' | 'whep', path: TrialPath, prepare: (connection: PeerConnection) => void, offer?: (found: TrialOffer) => void, iceServers: readonly RTCIceServer[] = []): Promise<TrialLink> {
    const url = kind === 'whip' ? trial.whip_url : trial.whep_url
    const opened = await TrialLink.open({ environment, token: trial.token, url, path, iceServers, prepare, ...(offer === undefined ? {} : { answered: offer }) })
    open.add(opened)
    return opened
  }

  async function close(...links: TrialLink[]): Promise<void> {
    for (const one of links) open.delete(one)
    await Promise.all(links.map((one) => one.close()))
  }

  const receive = (connection: PeerConnection) => void connection.addTransceiver('video', { direction: 'recvonly' })
  const send = (picture: TestPicture) => (connection: PeerConnection) => {
    const transceiver = connection.addTransceiver(picture.track, { direction: 'sendonly' })
    const codecs = sendableVideoCodecs()
    if (codecs !== null && typeof transceiver.setCodecPreferences === 'function') transceiver.setCodecPreferences(orderForRoom('H264', codecs))
  }

  /** The measurements of a path, while the test picture goes out by one end and comes in by the other. */
  async function measure({ sending, receiving }: Pair): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, measureMs))
    const quality = trialQuality(await sending.connection.getStats(), await receiving.connection.getStats())
    set('quality', judgeQuality(quality))
    set('picture', judgePicture(quality))
  }

  /** Opens one path in both directions and says how it went; null when it did not open. */
  async function openPair(trial: Trial, path: 'udp' | 'tcp', picture: TestPicture | null, offer?: (found: TrialOffer) => void): Promise<Pair | null> {
    let receiving: TrialLink | null = null
    try {
      receiving = await link(trial, 'whep', path, receive, offer)
      const sending = picture === null ? null : await link(trial, 'whip', path, send(picture))
      set(path, check('ok', 'ok', { ms: Math.round(receiving.connectMs) }))
      if (sending !== null) return { receiving, sending }
    } catch (thrown) {
      set(path, pathProblem(thrown))
    }
    if (receiving !== null) await close(receiving)
    return null
  }

  function pathProblem(thrown: unknown): Check {
    if (!(thrown instanceof TrialError)) return check('note', 'busy')
    // No fall-back is no fault while the straight way is open.
    return thrown.reason === 'absent' ? check('note', 'absent') : check('problem', 'blocked')
  }

  async function tryRelay(trial: Trial, iceServers: readonly RTCIceServer[]): Promise<void> {
    if (!hasTurn(iceServers)) {
      set('relay', check('note', 'absent'))
      return
    }
    try {
      const relayed = await link(trial, 'whep', 'relay', receive, undefined, iceServers)
      set('relay', check('ok', 'ok', { ms: Math.round(relayed.connectMs) }))
      await close(relayed)
    } catch (thrown) {
      set('relay', pathProblem(thrown))
    }
  }

  async function checkMedia(found: BrowserCapabilities): Promise<void> {
    const skipped = (code: string) => {
      for (const name of ['udp', 'tcp', 'relay', 'quality', 'picture'] as const) if (results.value[name].state === 'checking') set(name, check('note', code))
    }
    if (!found.hasWebRtc) {
      skipped('skipped')
      return
    }
    const picture = drawTestPicture()
    let offered: TrialOffer = { transports: new Set(), iceServers: [] }
    try {
      const trial = await beginTrial()
      const straight = await openPair(trial, 'udp', picture, (offer) => (offered = offer))
      if (straight !== null) {
        await measure(straight)
        await close(straight.receiving, straight.sending)
      }
      const isTcpMeasured = straight === null && results.value.udp.state !== 'ok'
      const around = offered.transports.has('tcp') ? await openPair(trial, 'tcp', isTcpMeasured ? picture : null) : null
      if (!offered.transports.has('tcp')) set('tcp', check('note', results.value.udp.code === 'busy' ? 'busy' : 'absent'))
      if (around !== null) {
        await measure(around)
        await close(around.receiving, around.sending)
      }
      await tryRelay(trial, offered.iceServers)
      skipped('skipped')
    } catch {
      skipped('busy')
    } finally {
      picture?.stop()
    }
  }

  async function run(): Promise<void> {
    if (running.value) return
    running.value = true
    results.value = all(check('checking'))
    const found = browserCapabilities()
    set('secure', judgeSecure(found))
    set('browser', judgeBrowser(found))
    set('codecs', judgeCodecs(found))
    await Promise.all([
      reachServer(now).then((reach) => set('server', judgeReach(reach))),
      reachChannel((url) => new WebSocket(url), now).then((reach) => set('channel', judgeReach(reach))),
      reachPlaylist().then((isReached) => set('playlist', !found.playsPlaylist ? check('problem', 'unsupported') : isReached ? check('ok') : check('problem', 'blocked'))),
      checkMedia(found),
    ])
    if (!isGone) running.value = false
  }

  onScopeDispose(() => {
    isGone = true
    void close(...open)
  })
  return { results, running, run }
}
