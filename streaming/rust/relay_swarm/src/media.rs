//! Synthetic H.264-looking RTP payloads: right NAL headers, a sender's timestamp, filler. Nobody can decode them.

use std::str::FromStr;

/// Packets of a frame.
pub const PACKETS_PER_FRAME: usize = 9;
/// Bytes of an RTP payload, of the larger ones where they differ.
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

/// How a frame is cut into packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sizes {
    /// All alike.
    Equal,
    /// As Chromium cuts: the first half one byte shorter.
    Chromium,
}

impl FromStr for Sizes {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "equal" => Ok(Self::Equal),
            "chromium" => Ok(Self::Chromium),
            _ => Err(()),
        }
    }
}

impl Sizes {
    fn payload_len(self, number: usize) -> usize {
        match self {
            Self::Chromium if number < PACKETS_PER_FRAME / 2 => PAYLOAD_LEN - 1,
            _ => PAYLOAD_LEN,
        }
    }
}

/// The payload of packet `number` of a frame, stamped with the sender's monotonic nanoseconds.
pub fn fragment(number: usize, key_frame: bool, sizes: Sizes, stamp: u64) -> Vec<u8> {
    let mut payload = vec![0xa5; sizes.payload_len(number)];
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
        assert_eq!(stamp(&fragment(3, false, Sizes::Equal, 77)), Some(77));
        assert_eq!(stamp(PARAMETER_SETS), None);
        assert_eq!(stamp(&[]), None);
    }

    #[test]
    fn chromium_sizes_differ_by_one_byte_the_smaller_ones_first() {
        let lengths = |sizes| {
            (0..PACKETS_PER_FRAME).map(move |number| fragment(number, false, sizes, 0).len())
        };
        let smaller = lengths(Sizes::Chromium)
            .take_while(|len| *len == 1099)
            .count();
        assert_eq!(smaller, 4);
        assert!(lengths(Sizes::Chromium).skip(4).all(|len| len == 1100));
        assert!(lengths(Sizes::Equal).all(|len| len == 1100));
    }
}
