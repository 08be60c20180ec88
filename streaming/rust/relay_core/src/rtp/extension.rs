//! Header extension elements (RFC 8285): reading and writing. What an id means is the caller's.

use super::header::Header;

const ONE_BYTE: u16 = 0xBEDE;

/// One element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    /// Local identifier: 1..=14 in the one-byte form, 1..=255 in the two-byte form.
    pub id: u8,
    /// The element's data.
    pub data: &'a [u8],
}

/// Iterator over the elements; ends at the first one that does not fit.
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    rest: &'a [u8],
    is_one_byte: bool,
}

/// Elements of a packet whose header is `header`; none of a profile outside RFC 8285.
#[must_use]
pub fn elements<'a>(packet: &'a [u8], header: &Header) -> Elements<'a> {
    let known = header
        .extension
        .filter(|span| span.profile == ONE_BYTE || span.profile & 0xfff0 == 0x1000);
    Elements {
        rest: known
            .and_then(|span| packet.get(span.start..span.end))
            .unwrap_or_default(),
        is_one_byte: known.is_some_and(|span| span.profile == ONE_BYTE),
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let padding = self.rest.iter().take_while(|octet| **octet == 0).count();
        let rest = std::mem::take(&mut self.rest).get(padding..)?;
        let (id, len, data) = match (self.is_one_byte, rest) {
            // Id 15 of the one-byte form ends all processing; id 0 with a length is not allowed (RFC 8285 §4.2).
            (true, [0..=0x0f | 0xf0.., ..]) => return None,
            (true, [head, data @ ..]) => (head >> 4, usize::from(head & 0x0f) + 1, data),
            (false, [id, len, data @ ..]) => (*id, usize::from(*len), data),
            _ => return None,
        };
        let (data, rest) = data.split_at_checked(len)?;
        self.rest = rest;
        Some(Element { id, data })
    }
}

/// Data of the first element with `id`.
#[must_use]
pub fn find<'a>(packet: &'a [u8], header: &Header, id: u8) -> Option<&'a [u8]> {
    elements(packet, header)
        .find(|element| element.id == id)
        .map(|element| element.data)
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
