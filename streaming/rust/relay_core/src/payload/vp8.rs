//! The VP8 payload descriptor (RFC 7741 §4.2) and the one bit of the frame header that says "key frame".

use crate::error::PayloadError;

/// Where a picture id lies and what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureId {
    /// Offset of its first byte in the payload.
    pub offset: usize,
    /// The value: 15 bits in the long form, else 7.
    pub value: u16,
    /// The long (two-byte) form.
    pub long: bool,
}

/// A parsed payload descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vp8Descriptor {
    /// S bit: start of a partition.
    pub start_of_partition: bool,
    /// PID: partition index, 0..=7.
    pub partition: u8,
    /// N bit: the frame may be dropped without harm.
    pub non_reference: bool,
    /// The picture id, if present.
    pub picture_id: Option<PictureId>,
    /// Offset and value of TL0PICIDX, if present.
    pub tl0_picture_index: Option<(usize, u8)>,
    /// Temporal layer and its Y bit, if present.
    pub temporal_layer: Option<(u8, bool)>,
    /// KEYIDX, 0..=31, if present.
    pub key_index: Option<u8>,
    /// Bytes of the descriptor.
    pub len: usize,
    /// The payload starts a frame and the frame is a key frame.
    pub keyframe_start: bool,
}

impl Vp8Descriptor {
    /// Parses the descriptor at the start of a payload.
    ///
    /// # Errors
    /// [`PayloadError::Truncated`].
    pub fn parse(payload: &[u8]) -> Result<Self, PayloadError> {
        let mut reader = Reader {
            payload,
            position: 0,
        };
        let first = reader.byte()?;
        let flags = if first & 0x80 != 0 { reader.byte()? } else { 0 };
        let picture_id = if flags & 0x80 != 0 {
            Some(reader.picture_id()?)
        } else {
            None
        };
        let tl0_picture_index = if flags & 0x40 != 0 {
            Some((reader.position, reader.byte()?))
        } else {
            None
        };
        let layers = if flags & 0x30 != 0 {
            Some(reader.byte()?)
        } else {
            None
        };
        let mut descriptor = Self {
            start_of_partition: first & 0x10 != 0,
            partition: first & 0x07,
            non_reference: first & 0x20 != 0,
            picture_id,
            tl0_picture_index,
            temporal_layer: layers
                .filter(|_| flags & 0x20 != 0)
                .map(|byte| (byte >> 6, byte & 0x20 != 0)),
            key_index: layers.filter(|_| flags & 0x10 != 0).map(|byte| byte & 0x1f),
            len: reader.position,
            keyframe_start: false,
        };
        // P bit of the VP8 frame header, inverse key frame flag (RFC 7741 §4.3).
        let frame = payload.get(descriptor.len).ok_or(PayloadError::Truncated)?;
        descriptor.keyframe_start = descriptor.starts_frame() && frame & 0x01 == 0;
        Ok(descriptor)
    }

    /// Whether a frame starts at this packet: first packet of partition 0.
    #[must_use]
    pub const fn starts_frame(&self) -> bool {
        self.start_of_partition && self.partition == 0
    }

    /// Rewrites the picture id in place, cut to 15 or 7 bits by the form that is there. No-op without one.
    pub fn set_picture_id(&self, payload: &mut [u8], value: u16) {
        let Some(id) = self.picture_id else { return };
        if id.long {
            if let Some(target) = payload.get_mut(id.offset..id.offset + 2) {
                target.copy_from_slice(&(value | 0x8000).to_be_bytes());
            }
        } else if let Some(target) = payload.get_mut(id.offset) {
            *target = (value & 0x7f) as u8;
        }
    }

    /// Rewrites TL0PICIDX in place. No-op without one.
    pub fn set_tl0_picture_index(&self, payload: &mut [u8], value: u8) {
        if let Some(target) = self
            .tl0_picture_index
            .and_then(|(offset, _)| payload.get_mut(offset))
        {
            *target = value;
        }
    }
}

struct Reader<'a> {
    payload: &'a [u8],
    position: usize,
}

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, PayloadError> {
        let byte = *self
            .payload
            .get(self.position)
            .ok_or(PayloadError::Truncated)?;
        self.position += 1;
        Ok(byte)
    }

    fn picture_id(&mut self) -> Result<PictureId, PayloadError> {
        let offset = self.position;
        let high = self.byte()?;
        let long = high & 0x80 != 0;
        let value = if long {
            u16::from_be_bytes([high & 0x7f, self.byte()?])
        } else {
            u16::from(high)
        };
        Ok(PictureId {
            offset,
            value,
            long,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_shortest_descriptor_of_a_key_frame() {
        let descriptor = Vp8Descriptor::parse(&[0x10, 0x00, 0x9d]).unwrap();
        assert!(descriptor.keyframe_start && descriptor.starts_frame());
        assert_eq!((descriptor.len, descriptor.picture_id), (1, None));
    }

    #[test]
    fn a_full_descriptor_is_read_and_rewritten() {
        let mut payload = [0x90, 0xf0, 0x81, 0x02, 0x07, 0x65, 0x01, 0xff];
        let descriptor = Vp8Descriptor::parse(&payload).unwrap();
        assert_eq!(
            descriptor.picture_id,
            Some(PictureId {
                offset: 2,
                value: 0x102,
                long: true
            })
        );
        assert_eq!(descriptor.tl0_picture_index, Some((4, 7)));
        assert_eq!(
            (descriptor.temporal_layer, descriptor.key_index),
            (Some((1, true)), Some(5))
        );
        assert!(!descriptor.keyframe_start);
        descriptor.set_picture_id(&mut payload, 0x7fff);
        descriptor.set_tl0_picture_index(&mut payload, 9);
        assert_eq!(payload[2..5], [0xff, 0xff, 9]);
    }

    #[test]
    fn a_short_picture_id_stays_short() {
        let mut payload = [0x90, 0x80, 0x11, 0x00];
        let descriptor = Vp8Descriptor::parse(&payload).unwrap();
        descriptor.set_picture_id(&mut payload, 0x1ff);
        assert_eq!(payload, [0x90, 0x80, 0x7f, 0x00]);
    }

    #[test]
    fn every_cut_of_a_full_descriptor_is_refused() {
        let payload = [0x90, 0xf0, 0x81, 0x02, 0x07, 0x65];
        for len in 0..=payload.len() {
            assert_eq!(
                Vp8Descriptor::parse(&payload[..len]),
                Err(PayloadError::Truncated)
            );
        }
    }

    proptest! {
        #[test]
        fn rewriting_changes_the_picture_id_and_nothing_else(bytes in proptest::collection::vec(any::<u8>(), 0..40), value in any::<u16>()) {
            if let Ok(before) = Vp8Descriptor::parse(&bytes) {
                let mut rewritten = bytes.clone();
                before.set_picture_id(&mut rewritten, value);
                let after = Vp8Descriptor::parse(&rewritten).unwrap();
                let want = before.picture_id.map(|id| PictureId { value: value & if id.long { 0x7fff } else { 0x7f }, ..id });
                prop_assert_eq!(after.picture_id, want);
                prop_assert_eq!(Vp8Descriptor { picture_id: before.picture_id, ..after }, before);
            }
        }
    }
}
