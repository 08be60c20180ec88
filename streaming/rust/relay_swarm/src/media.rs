//! Synthetic H.264-looking RTP payloads: right NAL headers, a sender's timestamp, filler. Nobody can decode them.

/// Packets of a frame.
pub const PACKETS_PER_FRAME: usize = 9;
/// Bytes of an RTP payload.
pub const PAYLOAD_LEN: usize = 1100;

const FU_A_REFERENCE: u8 = 0x7c;
const NAL_IDR: u8 = 5;
const NAL_SLICE: u8 = 1;
/// Slice header byte (first_mb_in_slice = 0), then a mark that no filler has.
const MARK: [u8; 3] = [0x88, b'z', b'j'];
const STAMP_AT: usize = 2 + MARK.len();

/// SPS and PPS of constrained baseline in one STAP-A.
pub const PARAMETER_SETS: &[u8] = &[
    0x78, 0, 12, 0x67, 0x42, 0xe0, 0x1f, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0xc0, 0x44, 0x40, 0, 4,
    0x68, 0xce, 0x3c, 0x80,
];

/// The payload of packet `number` of a frame, stamped with the sender's monotonic nanoseconds.
pub fn fragment(number: usize, key_frame: bool, stamp: u64) -> Vec<u8> {
    let mut payload = vec![0xa5; PAYLOAD_LEN];
    let start = if number == 0 { 0x80 } else { 0 };
    let end = if number + 1 == PACKETS_PER_FRAME {
        0x40
    } else {
        0
    };
    payload[0] = FU_A_REFERENCE;
    payload[1] = start | end | if key_frame { NAL_IDR } else { NAL_SLICE };
    payload[2..STAMP_AT].copy_from_slice(&MARK);
    payload[STAMP_AT..STAMP_AT + 8].copy_from_slice(&stamp.to_be_bytes());
    payload
}

/// The stamp of a payload made by [`fragment`].
pub fn stamp(payload: &[u8]) -> Option<u64> {
    if payload.get(2..STAMP_AT)? != MARK {
        return None;
    }
    payload[STAMP_AT..]
        .first_chunk()
        .map(|bytes| u64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_back_and_filler_has_none() {
        assert_eq!(stamp(&fragment(3, false, 77)), Some(77));
        assert_eq!(stamp(PARAMETER_SETS), None);
        assert_eq!(stamp(&[]), None);
    }
}
