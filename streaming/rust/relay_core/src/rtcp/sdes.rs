//! Source descriptions (RFC 3550 §6.5): CNAME in and out, other items skipped.

use super::{packet_type, put_words, word, write_packet};
use crate::error::RtcpError;

const ITEM_CNAME: u8 = 1;

/// A source description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sdes<'a> {
    body: &'a [u8],
}

impl<'a> Sdes<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Result<Self, RtcpError> {
        let mut rest = body;
        for _ in 0..count {
            rest = split_chunk(rest).ok_or(RtcpError::Malformed)?.2;
        }
        Ok(Self {
            body: &body[..body.len() - rest.len()],
        })
    }

    /// `(ssrc, cname)` of every chunk that has a CNAME. The bytes are UTF-8 by the RFC but not checked.
    pub fn cnames(&self) -> impl Iterator<Item = (u32, &'a [u8])> + use<'a> {
        let mut rest = self.body;
        core::iter::from_fn(move || {
            while !rest.is_empty() {
                let (ssrc, items, next) = split_chunk(rest)?;
                rest = next;
                if let Some(cname) = find_cname(items) {
                    return Some((ssrc, cname));
                }
            }
            None
        })
    }

    /// Appends a source description with one CNAME, cut at 255 bytes.
    pub fn write_cname(out: &mut Vec<u8>, ssrc: u32, cname: &str) {
        let cname = &cname.as_bytes()[..cname.len().min(255)];
        write_packet(out, 1, packet_type::SDES, |out| {
            put_words(out, &[ssrc]);
            out.extend_from_slice(&[ITEM_CNAME, cname.len() as u8]);
            out.extend_from_slice(cname);
            // At least one zero ends the list; write_packet pads to the word.
            out.push(0);
        });
    }
}

/// `(ssrc, items without the end, next chunk)`.
fn split_chunk(data: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let ssrc = word(data, 0)?;
    let items = &data[4..];
    let mut end = 0;
    while *items.get(end)? != 0 {
        end += 2 + usize::from(*items.get(end + 1)?);
    }
    let next = (end + 1).next_multiple_of(4);
    Some((ssrc, &items[..end], items.get(next..)?))
}

fn find_cname(mut items: &[u8]) -> Option<&[u8]> {
    while let [kind, len, rest @ ..] = items {
        let (value, next) = rest.split_at_checked(usize::from(*len))?;
        if *kind == ITEM_CNAME {
            return Some(value);
        }
        items = next;
    }
    None
}
