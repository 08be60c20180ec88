/**
 * The simulcast layers a publisher offers, lowest first, and which of them it sends.
 * Rids by docs/protocol/media_node.md; which are wanted is told by the room channel (`layers`). Pure.
 */
export type LayerName = 'l' | 'm' | 'h'

/** What the room channel says of one publication (docs/protocol/room_channel.md). */
export interface WantedLayers {
  readonly session_id: string
  readonly source: string
  readonly wanted: readonly string[]
}

type Layer = Readonly<RTCRtpEncodingParameters & { rid?: LayerName }>

/** 180p for a thumbnail or a poor line, 360p for a phone, 720p of a speaking person. */
const CAMERA: readonly Layer[] = [
  { rid: 'l', scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { rid: 'm', scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { rid: 'h', scaleResolutionDownBy: 1, maxBitrate: 2_000_000 },
]
/** 1080p of slides at few frames, in one layer: a smaller picture of small print helps nobody. */
const SCREEN: readonly Layer[] = [{ maxBitrate: 3_000_000 }]

/** A fresh copy: browsers write into what they are given. */
export function layersOf(source: 'camera' | 'screen'): RTCRtpEncodingParameters[] {
  return (source === 'camera' ? CAMERA : SCREEN).map((layer) => ({ ...layer, active: true }))
}

/**
 * Switch on what is wanted and off the rest. Who heard nothing, or nothing that it sends, sends all.
 * @returns whether anything changed.
 */
export function activate(encodings: RTCRtpEncodingParameters[], wanted: readonly string[] | null): boolean {
  const isKnown = wanted !== null && encodings.some(({ rid }) => rid !== undefined && wanted.includes(rid))
  let isChanged = false
  for (const encoding of encodings) {
    const active = !isKnown || encoding.rid === undefined || wanted.includes(encoding.rid)
    isChanged ||= (encoding.active ?? true) !== active
    encoding.active = active
  }
  return isChanged
}
