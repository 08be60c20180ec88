//! A fuzzer's bytes read as decisions. The end of the bytes is the end of the story.

pub struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    pub fn octet(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub fn short(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes([self.octet()?, self.octet()?]))
    }

    /// A length octet and so many octets, or what is left.
    pub fn piece(&mut self) -> &'a [u8] {
        let wanted = usize::from(self.octet().unwrap_or(0));
        let (piece, rest) = self.0.split_at(wanted.min(self.0.len()));
        self.0 = rest;
        piece
    }
}
