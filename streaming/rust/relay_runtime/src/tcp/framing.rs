//! Packets in a byte stream: a 16-bit length in network order before each (RFC 4571 §2). Bytes in, packets out; no I/O.

use relay_core::forward::DATAGRAM_CAPACITY;

/// Octets of the length.
pub const PREFIX: usize = 2;

/// A packet longer than any datagram we take: whoever sends it does not speak our protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameTooLong;

/// Cuts one connection's bytes into packets; keeps at most one incomplete packet.
#[derive(Debug, Default)]
pub struct FrameReader {
    partial: Vec<u8>,
}

impl FrameReader {
    /// Hands each packet that `data` completes to `each`, in order; empty packets are passed over.
    pub fn feed(
        &mut self,
        mut data: &[u8],
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), FrameTooLong> {
        while !data.is_empty() {
            if self.partial.is_empty() {
                // Nearly always: whole packets, handed on where they lie.
                if let Some(end) = frame_end(data)?.filter(|end| *end <= data.len()) {
                    if end > PREFIX {
                        each(&data[PREFIX..end]);
                    }
                    data = &data[end..];
                } else {
                    self.partial.extend_from_slice(data);
                    return Ok(());
                }
                continue;
            }
            let wanted = frame_end(&self.partial)?.unwrap_or(PREFIX);
            let (taken, rest) = data.split_at((wanted - self.partial.len()).min(data.len()));
            self.partial.extend_from_slice(taken);
            data = rest;
            if frame_end(&self.partial)? == Some(self.partial.len()) {
                if self.partial.len() > PREFIX {
                    each(&self.partial[PREFIX..]);
                }
                self.partial.clear();
            }
        }
        Ok(())
    }
}

/// Where the packet at the front ends, prefix included; None while the prefix itself is incomplete.
fn frame_end(data: &[u8]) -> Result<Option<usize>, FrameTooLong> {
    let [high, low, ..] = *data else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > DATAGRAM_CAPACITY {
        return Err(FrameTooLong);
    }
    Ok(Some(PREFIX + length))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(packets: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for packet in packets {
            bytes.extend_from_slice(&(packet.len() as u16).to_be_bytes());
            bytes.extend_from_slice(packet);
        }
        bytes
    }

    #[test]
    fn a_length_beyond_any_datagram_ends_it_as_soon_as_it_is_read() {
        let mut reader = FrameReader::default();
        assert_eq!(reader.feed(&[8], |_| panic!("no packet")), Ok(()));
        assert_eq!(
            reader.feed(&[1, 0, 0], |_| panic!("no packet")),
            Err(FrameTooLong)
        );
    }

    proptest! {
        #[test]
        fn packets_come_out_whole_however_the_bytes_are_cut(
            packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..2049), 0..12),
            cuts in proptest::collection::vec(1usize..900, 1..40),
        ) {
            let bytes = framed(&packets);
            let (mut reader, mut found, mut rest) = (FrameReader::default(), Vec::new(), &bytes[..]);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, later) = rest.split_at((*cut).min(rest.len()));
                reader.feed(piece, |packet| found.push(packet.to_vec())).unwrap();
                rest = later;
            }
            let wanted: Vec<_> = packets.into_iter().filter(|packet| !packet.is_empty()).collect();
            prop_assert_eq!(found, wanted);
        }

        #[test]
        fn no_bytes_make_it_keep_more_than_one_packet(bytes in proptest::collection::vec(any::<u8>(), 0..5000)) {
            let mut reader = FrameReader::default();
            let _ = reader.feed(&bytes, |packet| assert!(packet.len() <= DATAGRAM_CAPACITY));
            prop_assert!(reader.partial.len() < PREFIX + DATAGRAM_CAPACITY);
        }
    }
}
