//! The STUN messages an ICE-lite agent needs (RFC 8489, RFC 8445): binding requests in, responses out.
//! Borrowed parsing, output into the caller's buffer; which user name belongs to whom is the caller's.

use std::net::{IpAddr, SocketAddr};

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use crate::error::StunError;

const HEADER_LEN: usize = 20;
const MAGIC_COOKIE: [u8; 4] = 0x2112_A442u32.to_be_bytes();
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;
const FINGERPRINT_XOR: u32 = 0x5354_554e;

const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const PRIORITY: u16 = 0x0024;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT: u16 = 0x8028;
const ICE_CONTROLLED: u16 = 0x8029;
const ICE_CONTROLLING: u16 = 0x802A;

/// Room enough for every message this module writes without a request's user name.
pub const MAX_RESPONSE_LEN: usize = 128;

/// 96-bit transaction id.
pub type TransactionId = [u8; 12];

/// The sender's idea of its role (RFC 8445 §7.1.3) with its tie-breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IceRole {
    /// ICE-CONTROLLING, what a full agent towards an ICE-lite one always is.
    Controlling(u64),
    /// ICE-CONTROLLED.
    Controlled(u64),
}

/// Error responses an ICE-lite agent sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// 400.
    BadRequest,
    /// 401. Bad integrity is rather dropped and counted: an answer would tell a scanner that the user name exists.
    Unauthenticated,
    /// 420, to be sent with UNKNOWN-ATTRIBUTES.
    UnknownAttribute,
    /// 487 (RFC 8445 §7.3.1.1).
    RoleConflict,
}

impl ErrorCode {
    const fn parts(self) -> (u16, &'static str) {
        match self {
            Self::BadRequest => (400, "Bad Request"),
            Self::Unauthenticated => (401, "Unauthenticated"),
            Self::UnknownAttribute => (420, "Unknown Attribute"),
            Self::RoleConflict => (487, "Role Conflict"),
        }
    }
}

/// Comprehension-required attribute types of a request that are not understood; the first eight are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnknownTypes {
    types: [u16; 8],
    len: usize,
}

impl UnknownTypes {
    /// The types.
    #[must_use]
    pub fn as_slice(&self) -> &[u16] {
        &self.types[..self.len]
    }

    fn push(&mut self, kind: u16) {
        if let Some(slot) = self.types.get_mut(self.len) {
            *slot = kind;
            self.len += 1;
        }
    }
}

/// A parsed binding request. Nothing in it is trusted before [`BindingRequest::verify`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BindingRequest<'a> {
    datagram: &'a [u8],
    integrity: Option<usize>,
    /// Copied into the response.
    pub transaction_id: TransactionId,
    /// USERNAME before the ':', the receiver's ufrag: ours.
    pub local_ufrag: &'a [u8],
    /// USERNAME behind the ':', the sender's ufrag.
    pub remote_ufrag: &'a [u8],
    /// PRIORITY.
    pub priority: Option<u32>,
    /// USE-CANDIDATE is there: the sender nominates this pair.
    pub use_candidate: bool,
    /// ICE-CONTROLLING or ICE-CONTROLLED.
    pub role: Option<IceRole>,
    /// To be answered by 420 after verification when not empty.
    pub unknown: UnknownTypes,
}

impl<'a> BindingRequest<'a> {
    /// Parses a binding request and checks its FINGERPRINT if it has one. Unknown optional attributes are skipped.
    ///
    /// # Errors
    /// [`StunError`]; [`StunError::NotBindingRequest`] for other well-formed messages (indications, responses).
    pub fn parse(datagram: &'a [u8]) -> Result<Self, StunError> {
        let head: &[u8; HEADER_LEN] = datagram.first_chunk().ok_or(StunError::Truncated)?;
        let len = usize::from(u16::from_be_bytes([head[2], head[3]]));
        if head[0] >> 6 != 0 || head[4..8] != MAGIC_COOKIE || len % 4 != 0 {
            return Err(StunError::Malformed);
        }
        match datagram.len().cmp(&(HEADER_LEN + len)) {
            core::cmp::Ordering::Less => return Err(StunError::Truncated),
            core::cmp::Ordering::Greater => return Err(StunError::Malformed),
            core::cmp::Ordering::Equal => {}
        }
        if u16::from_be_bytes([head[0], head[1]]) != BINDING_REQUEST {
            return Err(StunError::NotBindingRequest);
        }
        let mut transaction_id = [0; 12];
        transaction_id.copy_from_slice(&head[8..]);
        let mut request = Self {
            datagram,
            integrity: None,
            transaction_id,
            local_ufrag: &[],
            remote_ufrag: &[],
            priority: None,
            use_candidate: false,
            role: None,
            unknown: UnknownTypes::default(),
        };
        request.read_attributes()?;
        if request.local_ufrag.is_empty() {
            Err(StunError::BadUsername)
        } else {
            Ok(request)
        }
    }

    /// Octets of the message.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a message is never empty")]
    pub const fn len(&self) -> usize {
        self.datagram.len()
    }

    fn read_attributes(&mut self) -> Result<(), StunError> {
        let mut offset = HEADER_LEN;
        while offset < self.datagram.len() {
            let head: &[u8; 4] = self.datagram[offset..]
                .first_chunk()
                .ok_or(StunError::Truncated)?;
            let kind = u16::from_be_bytes([head[0], head[1]]);
            let len = usize::from(u16::from_be_bytes([head[2], head[3]]));
            let value = self
                .datagram
                .get(offset + 4..offset + 4 + len)
                .ok_or(StunError::Truncated)?;
            match kind {
                FINGERPRINT => return self.check_fingerprint(offset, value),
                // Behind the integrity only the fingerprint counts (RFC 8489 §14.5).
                _ if self.integrity.is_some() => {}
                MESSAGE_INTEGRITY if len == 20 => self.integrity = Some(offset),
                MESSAGE_INTEGRITY => return Err(StunError::Malformed),
                _ => self.read_attribute(kind, value)?,
            }
            offset += 4 + len.next_multiple_of(4);
        }
        Ok(())
    }

    fn read_attribute(&mut self, kind: u16, value: &'a [u8]) -> Result<(), StunError> {
        match kind {
            USERNAME => {
                let colon = value
                    .iter()
                    .position(|byte| *byte == b':')
                    .ok_or(StunError::BadUsername)?;
                (self.local_ufrag, self.remote_ufrag) = (&value[..colon], &value[colon + 1..]);
            }
            PRIORITY => self.priority = Some(u32::from_be_bytes(exact(value)?)),
            USE_CANDIDATE => self.use_candidate = true,
            ICE_CONTROLLED => {
                self.role = Some(IceRole::Controlled(u64::from_be_bytes(exact(value)?)))
            }
            ICE_CONTROLLING => {
                self.role = Some(IceRole::Controlling(u64::from_be_bytes(exact(value)?)))
            }
            0..=0x7fff => self.unknown.push(kind),
            _ => {}
        }
        Ok(())
    }

    fn check_fingerprint(&self, offset: usize, value: &[u8]) -> Result<(), StunError> {
        let ends_message = offset + 8 == self.datagram.len();
        let matches =
            exact(value)? == (crc32(&self.datagram[..offset]) ^ FINGERPRINT_XOR).to_be_bytes();
        if ends_message && matches {
            Ok(())
        } else {
            Err(StunError::BadFingerprint)
        }
    }

    /// Checks MESSAGE-INTEGRITY with our ICE password, in constant time.
    ///
    /// # Errors
    /// [`StunError::MissingIntegrity`] or [`StunError::BadIntegrity`].
    pub fn verify(&self, password: &[u8]) -> Result<(), StunError> {
        let offset = self.integrity.ok_or(StunError::MissingIntegrity)?;
        let tag = self
            .datagram
            .get(offset + 4..offset + 24)
            .ok_or(StunError::MissingIntegrity)?;
        let mac = integrity(self.datagram, offset, password);
        mac.verify_slice(tag).map_err(|_| StunError::BadIntegrity)
    }
}

/// Writes a success response with XOR-MAPPED-ADDRESS, MESSAGE-INTEGRITY and FINGERPRINT; returns its length.
///
/// # Errors
/// [`StunError::NoRoom`]; never with [`MAX_RESPONSE_LEN`] bytes.
pub fn write_success(
    out: &mut [u8],
    id: &TransactionId,
    mapped: SocketAddr,
    password: &[u8],
) -> Result<usize, StunError> {
    let mut writer = Writer::new(out, BINDING_SUCCESS, id)?;
    writer.xor_mapped_address(mapped, id)?;
    writer.finish(Some(password))
}

/// Writes an error response; `unknown` goes into UNKNOWN-ATTRIBUTES when not empty. Without password no integrity is added.
///
/// # Errors
/// [`StunError::NoRoom`].
pub fn write_error(
    out: &mut [u8],
    id: &TransactionId,
    code: ErrorCode,
    unknown: &[u16],
    password: Option<&[u8]>,
) -> Result<usize, StunError> {
    let mut writer = Writer::new(out, BINDING_ERROR, id)?;
    let (number, reason) = code.parts();
    let class_and_number = [0, 0, (number / 100) as u8, (number % 100) as u8];
    writer.attribute(ERROR_CODE, &[&class_and_number, reason.as_bytes()])?;
    if !unknown.is_empty() {
        let mut types = [0; 16];
        for (target, kind) in types.chunks_exact_mut(2).zip(unknown) {
            target.copy_from_slice(&kind.to_be_bytes());
        }
        writer.attribute(UNKNOWN_ATTRIBUTES, &[&types[..2 * unknown.len().min(8)]])?;
    }
    writer.finish(password)
}

/// What a check from a full agent says; for tests and probes.
#[derive(Debug, Clone, Copy)]
pub struct RequestParts<'a> {
    /// The receiver's ufrag.
    pub remote_ufrag: &'a str,
    /// The sender's ufrag.
    pub local_ufrag: &'a str,
    /// PRIORITY.
    pub priority: u32,
    /// Nominate this pair.
    pub use_candidate: bool,
    /// Role and tie-breaker.
    pub role: IceRole,
}

/// Writes a binding request as a full agent sends it, authenticated with the receiver's password.
///
/// # Errors
/// [`StunError::NoRoom`].
pub fn write_request(
    out: &mut [u8],
    id: &TransactionId,
    parts: &RequestParts<'_>,
    password: &[u8],
) -> Result<usize, StunError> {
    let mut writer = Writer::new(out, BINDING_REQUEST, id)?;
    writer.attribute(
        USERNAME,
        &[
            parts.remote_ufrag.as_bytes(),
            b":",
            parts.local_ufrag.as_bytes(),
        ],
    )?;
    writer.attribute(PRIORITY, &[&parts.priority.to_be_bytes()])?;
    if parts.use_candidate {
        writer.attribute(USE_CANDIDATE, &[])?;
    }
    match parts.role {
        IceRole::Controlling(tie) => writer.attribute(ICE_CONTROLLING, &[&tie.to_be_bytes()])?,
        IceRole::Controlled(tie) => writer.attribute(ICE_CONTROLLED, &[&tie.to_be_bytes()])?,
    }
    writer.finish(Some(password))
}

struct Writer<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl<'a> Writer<'a> {
    fn new(out: &'a mut [u8], kind: u16, id: &TransactionId) -> Result<Self, StunError> {
        let head = out.get_mut(..HEADER_LEN).ok_or(StunError::NoRoom)?;
        head[..2].copy_from_slice(&kind.to_be_bytes());
        head[2..4].fill(0);
        head[4..8].copy_from_slice(&MAGIC_COOKIE);
        head[8..].copy_from_slice(id);
        Ok(Self {
            out,
            len: HEADER_LEN,
        })
    }

    fn attribute(&mut self, kind: u16, pieces: &[&[u8]]) -> Result<(), StunError> {
        let value_len: usize = pieces.iter().map(|piece| piece.len()).sum();
        let end = self.len + 4 + value_len.next_multiple_of(4);
        let declared = u16::try_from(value_len).map_err(|_| StunError::NoRoom)?;
        let total = u16::try_from(end - HEADER_LEN).map_err(|_| StunError::NoRoom)?;
        let target = self.out.get_mut(self.len..end).ok_or(StunError::NoRoom)?;
        target[..2].copy_from_slice(&kind.to_be_bytes());
        target[2..4].copy_from_slice(&declared.to_be_bytes());
        let mut at = 4;
        for piece in pieces {
            target[at..at + piece.len()].copy_from_slice(piece);
            at += piece.len();
        }
        target[at..].fill(0);
        self.len = end;
        self.out[2..4].copy_from_slice(&total.to_be_bytes());
        Ok(())
    }

    fn xor_mapped_address(
        &mut self,
        address: SocketAddr,
        id: &TransactionId,
    ) -> Result<(), StunError> {
        let mut mask = [0; 16];
        mask[..4].copy_from_slice(&MAGIC_COOKIE);
        mask[4..].copy_from_slice(id);
        let port = (address.port() ^ u16::from_be_bytes([mask[0], mask[1]])).to_be_bytes();
        let mut octets = [0; 16];
        let (family, len) = match address.ip().to_canonical() {
            IpAddr::V4(ip) => {
                octets[..4].copy_from_slice(&ip.octets());
                (1, 4)
            }
            IpAddr::V6(ip) => {
                octets = ip.octets();
                (2, 16)
            }
        };
        for (octet, mask) in octets.iter_mut().zip(mask) {
            *octet ^= mask;
        }
        self.attribute(
            XOR_MAPPED_ADDRESS,
            &[&[0, family, port[0], port[1]], &octets[..len]],
        )
    }

    fn finish(mut self, password: Option<&[u8]>) -> Result<usize, StunError> {
        if let Some(password) = password {
            let tag = integrity(&self.out[..self.len], self.len, password)
                .finalize()
                .into_bytes();
            self.attribute(MESSAGE_INTEGRITY, &[&tag])?;
        }
        let message_end = self.len;
        self.attribute(FINGERPRINT, &[&[0; 4]])?;
        let crc = crc32(&self.out[..message_end]) ^ FINGERPRINT_XOR;
        self.out[message_end + 4..message_end + 8].copy_from_slice(&crc.to_be_bytes());
        Ok(self.len)
    }
}

/// HMAC-SHA1 of the message up to `end`, its length field counting the integrity attribute as last (RFC 8489 §14.5).
fn integrity(message: &[u8], end: usize, password: &[u8]) -> Hmac<Sha1> {
    let mut mac = match Hmac::<Sha1>::new_from_slice(password) {
        Ok(mac) => mac,
        // HMAC takes keys of every length.
        Err(_) => Hmac::<Sha1>::new(&Default::default()),
    };
    let len = (end + 24 - HEADER_LEN) as u16;
    mac.update(&message[..2]);
    mac.update(&len.to_be_bytes());
    mac.update(&message[4..end]);
    mac
}

fn exact<const N: usize>(value: &[u8]) -> Result<[u8; N], StunError> {
    value.try_into().map_err(|_| StunError::Malformed)
}

const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 {
                (value >> 1) ^ 0xEDB8_8320
            } else {
                value >> 1
            };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
};

/// CRC-32 of ITU V.42, as FINGERPRINT wants it.
fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |crc, byte| {
        CRC_TABLE[usize::from((crc as u8) ^ byte)] ^ (crc >> 8)
    })
}
