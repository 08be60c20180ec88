//! The frame on the wire: one header, one payload. Layout only; what frames mean is the ring's and the server's.

use std::sync::Arc;

/// Version octet.
pub const VERSION: u8 = 1;
/// Octets of the header that `length` counts.
pub const HEADER_LEN: usize = 44;
/// Longest frame the engine reads.
pub const MAX_FRAME: usize = 65_536;
/// The slot octet of frames that belong to none.
pub const NO_SLOT: u8 = 255;

/// Frame kinds.
pub mod kind {
    /// A decrypted RTP packet.
    pub const RTP: u8 = 0;
    /// A compound with the publisher's sender report.
    pub const RTCP: u8 = 1;
    /// JSON.
    pub const CONTROL: u8 = 2;
    /// Recorder: who it is and where to resume.
    pub const HELLO: u8 = 16;
    /// Recorder: fsynced up to here.
    pub const ACK: u8 = 17;
    /// Recorder: a key frame, please.
    pub const KEY_FRAME_REQUEST: u8 = 18;
}

/// One frame.
#[derive(Debug, Clone)]
pub struct Frame {
    /// See [`kind`].
    pub kind: u8,
    /// Slot octet.
    pub slot: u8,
    /// Random number of the room.
    pub room: u64,
    /// Publication, 0 = none.
    pub publication: u64,
    /// Number in the recording, 0 = outside the sequence.
    pub feed_seq: u64,
    /// Engine clock at arrival.
    pub monotonic_ns: u64,
    /// UTC of the same moment.
    pub wall_ns: u64,
    /// What it carries.
    pub payload: Arc<[u8]>,
}

impl Frame {
    /// Appends the frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&((HEADER_LEN + self.payload.len()) as u32).to_be_bytes());
        out.extend_from_slice(&[VERSION, self.kind, self.slot, 0]);
        for number in [
            self.room,
            self.publication,
            self.feed_seq,
            self.monotonic_ns,
            self.wall_ns,
        ] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        out.extend_from_slice(&self.payload);
    }

    /// Reads one frame from the front of `bytes`: the frame and its length, or None when more octets are needed.
    pub fn read(bytes: &[u8]) -> Result<Option<(Self, usize)>, BadFrame> {
        let Some(head) = bytes.first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*head) as usize;
        if !(HEADER_LEN..=MAX_FRAME).contains(&length) {
            return Err(BadFrame);
        }
        let Some(body) = bytes.get(4..4 + length) else {
            return Ok(None);
        };
        if body[0] != VERSION {
            return Err(BadFrame);
        }
        let number = |index: usize| {
            let start = 4 + 8 * index;
            body[start..start + 8]
                .iter()
                .fold(0u64, |value, octet| (value << 8) | u64::from(*octet))
        };
        let frame = Self {
            kind: body[1],
            slot: body[2],
            room: number(0),
            publication: number(1),
            feed_seq: number(2),
            monotonic_ns: number(3),
            wall_ns: number(4),
            payload: Arc::from(&body[HEADER_LEN..]),
        };
        Ok(Some((frame, 4 + length)))
    }
}

/// Not a frame of this version; the connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadFrame;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_frame_survives_the_wire_and_waits_for_its_last_octet() {
        let frame = Frame {
            kind: kind::RTP,
            slot: 16,
            room: 1 << 60,
            publication: 2,
            feed_seq: 3,
            monotonic_ns: 4,
            wall_ns: 5,
            payload: Arc::from(&b"packet"[..]),
        };
        let mut wire = Vec::new();
        frame.write(&mut wire);
        for cut in 0..wire.len() {
            assert!(matches!(Frame::read(&wire[..cut]), Ok(None)), "{cut}");
        }
        let (read, used) = Frame::read(&wire).expect("valid").expect("whole");
        assert_eq!(used, wire.len());
        assert_eq!(
            (read.kind, read.slot, read.room, read.publication),
            (0, 16, 1 << 60, 2)
        );
        assert_eq!(
            (
                read.feed_seq,
                read.monotonic_ns,
                read.wall_ns,
                &*read.payload
            ),
            (3, 4, 5, &b"packet"[..])
        );
    }

    #[test]
    fn another_version_and_absurd_lengths_are_refused() {
        let mut wire = vec![0; 48];
        wire[3] = 44;
        wire[4] = 2;
        assert_eq!(Frame::read(&wire).map(|_| ()), Err(BadFrame));
        for length in [0u32, 43, 65_537, u32::MAX] {
            assert_eq!(
                Frame::read(&length.to_be_bytes()).map(|_| ()),
                Err(BadFrame),
                "{length}"
            );
        }
    }

    proptest! {
        /// Whatever a recorder sends: frames are whole and lie inside the octets, and something is read of all that is not refused.
        #[test]
        fn any_octets_are_frames_or_refused(
            lengths in proptest::collection::vec(0u32..120, 1..6),
            octets in proptest::collection::vec(any::<u8>(), 0..400),
            version in 0u8..3,
        ) {
            let mut wire = Vec::new();
            for (length, body) in lengths.iter().zip(octets.chunks(100)) {
                wire.extend_from_slice(&length.to_be_bytes());
                wire.push(version);
                wire.extend_from_slice(body);
            }
            let mut rest = &wire[..];
            while let Ok(Some((frame, length))) = Frame::read(rest) {
                prop_assert!(version == VERSION && length == 4 + HEADER_LEN + frame.payload.len());
                rest = &rest[length..];
            }
        }
    }
}
