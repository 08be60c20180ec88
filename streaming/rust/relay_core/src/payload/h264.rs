//! H.264 RTP payloads (RFC 6184): single NAL units, STAP-A, FU-A. Decides key-frame starts; never decodes slices.

use crate::error::PayloadError;

const NAL_IDR: u8 = 5;
const NAL_SPS: u8 = 7;
const NAL_PPS: u8 = 8;
const NAL_STAP_A: u8 = 24;
const NAL_FU_A: u8 = 28;

/// What one RTP payload holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct H264Info {
    /// A decoder can start at this packet: it holds an SPS, or begins an IDR slice.
    pub keyframe_start: bool,
    /// Holds (part of) an IDR slice.
    pub idr: bool,
    /// Holds a whole sequence parameter set.
    pub sps: bool,
    /// Holds a whole picture parameter set.
    pub pps: bool,
    /// Holds coded picture data (NAL types 1..=5); false for parameter sets, SEI and delimiters alone.
    pub vcl: bool,
    /// Not the continuation of a fragmented NAL unit. Together with a new timestamp: the start of a frame.
    pub starts_nal: bool,
    /// The slice begins at the first macroblock (`first_mb_in_slice` = 0): the picture starts here.
    pub first_slice: bool,
}

impl H264Info {
    /// Looks at a payload.
    ///
    /// # Errors
    /// [`PayloadError::Truncated`] or, for STAP-B, MTAP, FU-B and reserved types, [`PayloadError::Unsupported`].
    pub fn parse(payload: &[u8]) -> Result<Self, PayloadError> {
        let mut info = Self {
            starts_nal: true,
            ..Self::default()
        };
        let (&first, rest) = payload.split_first().ok_or(PayloadError::Truncated)?;
        match first & 0x1f {
            kind @ 1..=23 => info.note(kind, rest),
            NAL_STAP_A => info.note_aggregate(rest)?,
            NAL_FU_A => {
                let (&fragment, slice) = rest.split_first().ok_or(PayloadError::Truncated)?;
                let kind = fragment & 0x1f;
                if fragment & 0x80 != 0 {
                    info.note(kind, slice);
                } else {
                    info.starts_nal = false;
                    info.vcl = (1..=5).contains(&kind);
                    info.idr = kind == NAL_IDR;
                }
            }
            _ => return Err(PayloadError::Unsupported),
        }
        Ok(info)
    }

    fn note_aggregate(&mut self, mut rest: &[u8]) -> Result<(), PayloadError> {
        if rest.is_empty() {
            return Err(PayloadError::Truncated);
        }
        while !rest.is_empty() {
            let (size, tail) = rest
                .split_first_chunk::<2>()
                .ok_or(PayloadError::Truncated)?;
            let size = usize::from(u16::from_be_bytes(*size));
            let (unit, next) = tail.split_at_checked(size).ok_or(PayloadError::Truncated)?;
            if let Some((&first, body)) = unit.split_first() {
                self.note(first & 0x1f, body);
            }
            rest = next;
        }
        Ok(())
    }

    fn note(&mut self, kind: u8, body: &[u8]) {
        self.idr |= kind == NAL_IDR;
        self.sps |= kind == NAL_SPS;
        self.pps |= kind == NAL_PPS;
        self.vcl |= (1..=5).contains(&kind);
        // Exp-Golomb 0 is the single bit 1, the very first of the slice header. Partitions B and C (3, 4) have none.
        let first_slice =
            matches!(kind, 1 | 2 | NAL_IDR) && body.first().is_some_and(|byte| byte & 0x80 != 0);
        self.first_slice |= first_slice;
        self.keyframe_start |= kind == NAL_SPS || (kind == NAL_IDR && first_slice);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(bytes: &[u8]) -> H264Info {
        H264Info::parse(bytes).unwrap()
    }

    #[test]
    fn a_single_idr_slice_starts_a_key_frame() {
        let info = parse(&[0x65, 0x88, 0x80]);
        assert!(info.keyframe_start && info.idr && info.vcl && info.first_slice && info.starts_nal);
    }

    #[test]
    fn a_second_idr_slice_of_the_picture_does_not_start_one() {
        let info = parse(&[0x65, 0x40, 0x80]);
        assert!(!info.keyframe_start && info.idr && !info.first_slice);
    }

    #[test]
    fn an_aggregate_of_parameter_sets_starts_a_key_frame_without_picture_data() {
        let info = parse(&[0x78, 0, 3, 0x67, 1, 2, 0, 2, 0x68, 3]);
        assert!(info.keyframe_start && info.sps && info.pps && !info.vcl);
    }

    #[test]
    fn only_the_first_fragment_of_an_idr_starts_a_key_frame() {
        assert!(parse(&[0x7c, 0x85, 0x88]).keyframe_start);
        let middle = parse(&[0x7c, 0x05, 0x88]);
        assert!(!middle.keyframe_start && middle.idr && !middle.starts_nal);
        let end = parse(&[0x7c, 0x45, 0x88]);
        assert!(!end.keyframe_start && !end.starts_nal);
    }

    #[test]
    fn a_delta_slice_and_a_delimiter_are_told_apart() {
        let delta = parse(&[0x41, 0x9a]);
        assert!(!delta.keyframe_start && delta.vcl && delta.first_slice);
        assert!(!parse(&[0x09, 0xf0]).vcl);
    }

    #[test]
    fn broken_forms_are_refused() {
        for bytes in [&[][..], &[0x78], &[0x78, 0], &[0x78, 0, 9, 1], &[0x7c]] {
            assert_eq!(
                H264Info::parse(bytes),
                Err(PayloadError::Truncated),
                "{bytes:?}"
            );
        }
        for kind in [0u8, 25, 26, 27, 29, 30, 31] {
            assert_eq!(
                H264Info::parse(&[kind, 0, 0, 0]),
                Err(PayloadError::Unsupported),
                "{kind}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_fail(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = H264Info::parse(&bytes);
        }
    }
}
