//! What waits to be written to one connection: bounded, and whole packets only. A reader that is too slow loses pictures, not sound.
//!
//! SRTP leaves the RTP header in the clear (RFC 3711 §3.1), so a picture that lost a packet loses the rest of it, too.

use std::io::{self, ErrorKind, Write};

use relay_core::demux::{DatagramKind, classify};

use super::framing::PREFIX;

/// Octets that may wait before packets of pictures are dropped: half a second of video.
const PICTURE_LIMIT: usize = 192 << 10;
/// Octets that may wait at all; the rest is for sound, checks and reports.
const LIMIT: usize = 256 << 10;
/// RTP packets up to this size count as sound.
const SOUND_BYTES: usize = 400;

/// One picture: SSRC and timestamp.
type Picture = (u32, u32);

/// Framed packets not written yet.
#[derive(Debug, Default)]
pub struct WriteQueue {
    bytes: Vec<u8>,
    written: usize,
    /// The picture of which a packet was dropped last.
    dropping: Option<Picture>,
}

impl WriteQueue {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.written == self.bytes.len()
    }

    /// Adds a packet; false when it was dropped.
    pub fn push(&mut self, packet: &[u8]) -> bool {
        let Ok(length) = u16::try_from(packet.len()) else {
            return false;
        };
        let picture = picture_of(packet);
        let limit = if picture.is_some() {
            PICTURE_LIMIT
        } else {
            LIMIT
        };
        let is_maimed = picture.is_some() && picture == self.dropping;
        if is_maimed || self.bytes.len() - self.written + PREFIX + packet.len() > limit {
            self.dropping = picture.or(self.dropping);
            return false;
        }
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(packet);
        true
    }

    /// Writes what goes out without waiting. `WriteZero` when the other side takes nothing any more.
    pub fn write_to(&mut self, mut target: impl Write) -> io::Result<()> {
        while !self.is_empty() {
            match target.write(&self.bytes[self.written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.is_empty() {
            self.bytes.clear();
            self.written = 0;
        } else if self.written > LIMIT {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
        Ok(())
    }
}

fn picture_of(packet: &[u8]) -> Option<Picture> {
    if packet.len() <= SOUND_BYTES || classify(packet) != DatagramKind::Rtp {
        return None;
    }
    let field = |at: usize| {
        packet[at..at + 4]
            .iter()
            .fold(0, |all, octet| all << 8 | u32::from(*octet))
    };
    Some((field(8), field(4)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many octets, then nothing.
    struct Reader {
        patience: usize,
        taken: Vec<u8>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.patience).min(777);
            if count == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.patience -= count;
            self.taken.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn rtp(timestamp: u32, length: usize) -> Vec<u8> {
        let mut packet = vec![0x80, 96, 0, 0];
        packet.extend_from_slice(&timestamp.to_be_bytes());
        packet.extend_from_slice(&7u32.to_be_bytes());
        packet.resize(length, 1);
        packet
    }

    #[test]
    fn a_reader_that_stands_still_loses_pictures_whole_and_then_sound() {
        let mut queue = WriteQueue::default();
        let mut kept = 0;
        while queue.push(&rtp(kept, 1200)) {
            kept += 1;
        }
        assert_eq!(kept as usize, PICTURE_LIMIT / 1202);
        assert!(queue.push(&rtp(90, 100)), "sound goes on");
        // Room again, but the picture that lost a packet is not continued; the next one is whole.
        let mut reader = Reader {
            patience: 60_000,
            taken: Vec::new(),
        };
        queue.write_to(&mut reader).unwrap();
        assert!(!queue.push(&rtp(kept, 1200)));
        assert!(queue.push(&rtp(kept + 1, 1200)));
        let mut sounds = 0;
        while queue.push(&rtp(91, 100)) {
            sounds += 1;
        }
        assert!(sounds > 500, "{sounds}");
        assert!(queue.bytes.len() - queue.written <= LIMIT);
    }

    #[test]
    fn what_is_written_in_pieces_is_what_was_pushed() {
        let (mut queue, mut wanted) = (WriteQueue::default(), Vec::new());
        let mut reader = Reader {
            patience: 0,
            taken: Vec::new(),
        };
        for number in 0..2000u32 {
            let packet = rtp(number, 20 + (number as usize * 37) % 1300);
            assert!(queue.push(&packet));
            wanted.extend_from_slice(&(packet.len() as u16).to_be_bytes());
            wanted.extend_from_slice(&packet);
            reader.patience += if number % 50 == 49 { 100_000 } else { 100 };
            queue.write_to(&mut reader).unwrap();
        }
        reader.patience = usize::MAX;
        queue.write_to(&mut reader).unwrap();
        assert_eq!(reader.taken, wanted);
        assert!(queue.is_empty());
    }
}
