/**
 * Which video codecs this browser can send, and in which order to offer them.
 * A recorded room takes H264 only (joints, Recording); others take VP8 too.
 */
export type RoomCodec = 'H264' | 'VP8'

export interface CodecCapability {
  readonly mimeType: string
  readonly sdpFmtpLine?: string
}

/** @returns null when the browser does not tell: then the server's answer decides. */
export function sendableVideoCodecs(): RTCRtpCodec[] | null {
  if (typeof RTCRtpSender === 'undefined' || typeof RTCRtpSender.getCapabilities !== 'function') {
    return null
  }
  return RTCRtpSender.getCapabilities('video')?.codecs ?? null
}

export function canSend(codec: RoomCodec, capabilities: readonly CodecCapability[] | null): boolean {
  return capabilities === null || capabilities.some((capability) => isCodec(capability, codec))
}

/**
 * `capabilities` with the room's codec first, H264 as constrained baseline with
 * packetization-mode 1 before its other profiles (plays everywhere, no B-frames).
 */
export function orderForRoom<Capability extends CodecCapability>(
  codec: RoomCodec,
  capabilities: readonly Capability[],
): Capability[] {
  return [...capabilities].sort((a, b) => rank(codec, a) - rank(codec, b))
}

function isCodec(capability: CodecCapability, codec: RoomCodec): boolean {
  return capability.mimeType.toLowerCase() === `video/${codec.toLowerCase()}`
}

function rank(codec: RoomCodec, capability: CodecCapability): number {
  if (!isCodec(capability, codec)) {
    return 3
  }
  if (codec === 'VP8') {
    return 0
  }
  const parameters = (capability.sdpFmtpLine ?? '').toLowerCase()
  // RFC 6184 §8.1: 42 with constraint_set1 (e0) is constrained baseline.
  const isConstrainedBaseline = /profile-level-id=42e0/.test(parameters)
  const isModeOne = /packetization-mode=1/.test(parameters)
  return isConstrainedBaseline && isModeOne ? 0 : isModeOne ? 1 : 2
}
