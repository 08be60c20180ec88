// A media node inside the page: WHIP and WHEP answered by a second peer connection, pictures drawn on a canvas.
// For pages that are looked at without a server; never shipped.
(() => {
  const real = window.fetch.bind(window)
  const canvas = () => {
    const drawn = document.createElement('canvas')
    drawn.width = 1280
    drawn.height = 720
    const pen = drawn.getContext('2d')
    let tick = 0
    setInterval(() => {
      tick += 1
      pen.fillStyle = '#4e4031'
      pen.fillRect(0, 0, 1280, 720)
      pen.fillStyle = '#cdbda3'
      for (const x of [120, 270]) for (const y of [70, 210, 350]) pen.fillRect(x, y, 140, 130)
      pen.fillStyle = '#2f3a46'
      pen.fillRect(420, 420, 440, 300)
      pen.fillStyle = '#dab08c'
      pen.fillRect(530, 150, 220, 270)
      pen.fillStyle = '#f3eee6'
      pen.fillRect((tick * 4) % 1260, 708, 20, 6)
    }, 40)
    return drawn.captureStream(25)
  }
  const gathered = (peer) => new Promise((done) => {
    peer.addEventListener('icegatheringstatechange', () => peer.iceGatheringState === 'complete' && done())
    setTimeout(done, 1000)
  })
  window.fetch = async (address, init) => {
    const path = String(address)
    if (!/\/(whip|whep)\//.test(path)) return real(address, init)
    if (init.method !== 'POST') return new Response('', { status: 200 })
    const peer = new RTCPeerConnection()
    await peer.setRemoteDescription({ type: 'offer', sdp: init.body })
    if (path.includes('/whep/')) {
      const [picture] = canvas().getVideoTracks()
      for (const transceiver of peer.getTransceivers()) {
        transceiver.direction = 'sendonly'
        if (transceiver.receiver.track.kind === 'video') await transceiver.sender.replaceTrack(picture)
      }
    }
    await peer.setLocalDescription(await peer.createAnswer())
    await gathered(peer)
    return new Response(peer.localDescription.sdp, { status: 201, headers: { Location: `${path}/one`, ETag: '"1"' } })
  }
})()
