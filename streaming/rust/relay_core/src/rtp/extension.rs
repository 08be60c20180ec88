//! Header extension elements (RFC 8285): reading, blanking, renumbering in place, stripping. What an id means is the caller's.

use core::ops::Range;

use super::header::Header;

const ONE_BYTE: u16 = 0xBEDE;

/// One element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    /// Local identifier: 1..=14 in the one-byte form, 1..=255 in the two-byte form.
    pub id: u8,
    /// Offset of the element's header byte in the packet.
    pub offset: usize,
    /// The element's data.
    pub data: &'a [u8],
}

/// Iterator over the elements; ends at the first one that does not fit.
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    packet: &'a [u8],
    cursor: Cursor,
}

/// Elements of a packet whose header is `header`.
#[must_use]
pub fn elements<'a>(packet: &'a [u8], header: &Header) -> Elements<'a> {
    Elements {
        packet,
        cursor: Cursor::new(packet.len(), header),
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let (id, offset, data) = self.cursor.advance(self.packet)?;
        Some(Element {
            id,
            offset,
            data: &self.packet[data],
        })
    }
}

/// Data of the first element with `id`.
#[must_use]
pub fn find<'a>(packet: &'a [u8], header: &Header, id: u8) -> Option<&'a [u8]> {
    elements(packet, header)
        .find(|element| element.id == id)
        .map(|element| element.data)
}

/// Renumbers every element by `map` (index old id, value new id); 0 blanks the element to padding.
///
/// The length of the packet never changes. Ids that the form cannot hold (0 or above 14 in the one-byte form) blank too.
/// An extension of a profile outside RFC 8285 is left alone.
pub fn remap_ids(packet: &mut [u8], header: &Header, map: &[u8; 256]) {
    let mut cursor = Cursor::new(packet.len(), header);
    let one_byte = cursor.one_byte;
    while let Some((id, offset, data)) = cursor.advance(packet) {
        match map[usize::from(id)] {
            new @ 1..=14 if one_byte => packet[offset] = (new << 4) | (packet[offset] & 0x0f),
            new @ 1.. if !one_byte => packet[offset] = new,
            _ => packet[offset..data.end].fill(0),
        }
    }
}

/// Overwrites the data of the first element with `id`; `false` when it is absent or has another length.
pub fn overwrite(packet: &mut [u8], header: &Header, id: u8, value: &[u8]) -> bool {
    let mut cursor = Cursor::new(packet.len(), header);
    while let Some((found, _, data)) = cursor.advance(packet) {
        if found == id {
            let fits = data.len() == value.len();
            if fits {
                packet[data].copy_from_slice(value);
            }
            return fits;
        }
    }
    false
}

/// Removes the whole extension in place and returns the packet's new length; bytes behind it are stale.
pub fn strip(packet: &mut [u8], header: &Header) -> usize {
    let Some(span) = header.extension else {
        return packet.len();
    };
    if span.end > packet.len() || span.start < 4 {
        return packet.len();
    }
    packet.copy_within(span.end.., span.start - 4);
    packet[0] &= !0x10;
    packet.len() - (span.end - (span.start - 4))
}

/// Appends an extension block (header and elements, padded to words) to `out`, in the one-byte form when all fit it.
///
/// The caller has set the X bit and appends the payload afterwards. Elements with id 0 or more than 255 bytes are left out.
pub fn write(out: &mut Vec<u8>, elements: &[(u8, &[u8])]) {
    let usable = || {
        elements
            .iter()
            .filter(|(id, data)| *id != 0 && data.len() <= 255)
    };
    let one_byte = usable().all(|(id, data)| *id <= 14 && (1..=16).contains(&data.len()));
    let start = out.len();
    out.extend_from_slice(&(if one_byte { ONE_BYTE } else { 0x1000 }).to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    for (id, data) in usable() {
        if one_byte {
            out.push((id << 4) | (data.len() as u8 - 1));
        } else {
            out.extend_from_slice(&[*id, data.len() as u8]);
        }
        out.extend_from_slice(data);
    }
    while (out.len() - start) % 4 != 0 {
        out.push(0);
    }
    let words = ((out.len() - start) / 4 - 1) as u16;
    out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
}

/// Walks element boundaries without holding a borrow, so that the packet can be changed between steps.
#[derive(Debug, Clone)]
struct Cursor {
    position: usize,
    end: usize,
    one_byte: bool,
}

impl Cursor {
    fn new(packet_len: usize, header: &Header) -> Self {
        let (position, end, profile) = header
            .extension
            .map_or((0, 0, 0), |span| (span.start, span.end, span.profile));
        let known = profile == ONE_BYTE || profile & 0xfff0 == 0x1000;
        Self {
            position,
            end: if known { end.min(packet_len) } else { 0 },
            one_byte: profile == ONE_BYTE,
        }
    }

    fn advance(&mut self, packet: &[u8]) -> Option<(u8, usize, Range<usize>)> {
        while self.position < self.end && packet[self.position] == 0 {
            self.position += 1;
        }
        if self.position >= self.end {
            return None;
        }
        let offset = self.position;
        let (id, start, len) = if self.one_byte {
            let byte = packet[offset];
            (byte >> 4, offset + 1, usize::from(byte & 0x0f) + 1)
        } else {
            if offset + 1 >= self.end {
                self.position = self.end;
                return None;
            }
            (packet[offset], offset + 2, usize::from(packet[offset + 1]))
        };
        // Id 15 of the one-byte form ends all processing; id 0 with a length is not allowed (RFC 8285 §4.2).
        if start + len > self.end || (self.one_byte && (id == 15 || id == 0)) {
            self.position = self.end;
            return None;
        }
        self.position = start + len;
        Some((id, offset, start..start + len))
    }
}
