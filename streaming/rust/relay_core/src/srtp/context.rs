//! One direction of SRTP and SRTCP for one peer: per-SSRC indices and replay windows around the ciphers. No key exchange.

use super::Profile;
use super::cipher::{Cipher, RTCP_HEADER_LEN};
use super::key_derivation::Label;
use super::replay_window::ReplayWindow;
use crate::error::SrtpError;
use crate::rtp::{FIXED_HEADER_LEN, Header};
use crate::sequence::extend;

const MAX_SOURCES: usize = 64;
const MAX_INDEX: u64 = (1 << 48) - 1;
const MAX_RTCP_INDEX: u32 = (1 << 31) - 1;

/// A packet that passed authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unprotected {
    /// Length of the plain packet at the start of the buffer.
    pub len: usize,
    /// The packet index, `(ROC << 16) | sequence`.
    pub index: u64,
    /// The header, its padding checked after decryption.
    pub header: Header,
}

/// Keys and state of one direction. Sending and receiving need one context each.
pub struct SrtpContext {
    profile: Profile,
    rtp: Cipher,
    rtcp: Cipher,
    sources: Sources,
    rtcp_sources: Sources,
    rtcp_next_index: u32,
}

impl core::fmt::Debug for SrtpContext {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter
            .debug_struct("SrtpContext")
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

impl SrtpContext {
    /// A context from the master key (16 bytes) and salt (12 bytes for GCM, 14 for CM).
    ///
    /// # Errors
    /// [`SrtpError::BadKeyLength`].
    pub fn new(profile: Profile, key: &[u8], salt: &[u8]) -> Result<Self, SrtpError> {
        let key: &[u8; 16] = key.try_into().map_err(|_| SrtpError::BadKeyLength)?;
        if salt.len() != profile.salt_len() {
            return Err(SrtpError::BadKeyLength);
        }
        let rtp = [
            Label::RtpEncryption,
            Label::RtpAuthentication,
            Label::RtpSalt,
        ];
        let rtcp = [
            Label::RtcpEncryption,
            Label::RtcpAuthentication,
            Label::RtcpSalt,
        ];
        Ok(Self {
            profile,
            rtp: Cipher::derive(profile, key, salt, rtp)?,
            rtcp: Cipher::derive(profile, key, salt, rtcp)?,
            sources: Sources::default(),
            rtcp_sources: Sources::default(),
            rtcp_next_index: 1,
        })
    }

    /// A context from `key || salt` as DTLS-SRTP exports it.
    ///
    /// # Errors
    /// [`SrtpError::BadKeyLength`].
    pub fn from_keying_material(profile: Profile, material: &[u8]) -> Result<Self, SrtpError> {
        let (key, salt) = material
            .split_at_checked(profile.key_len())
            .ok_or(SrtpError::BadKeyLength)?;
        Self::new(profile, key, salt)
    }

    /// The profile of the context.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// Protects `packet` in place and appends the tag; the rollover counter is estimated per SSRC from the order of calls.
    ///
    /// A sender with extended sequence numbers of its own calls [`Self::protect_rtp_with_index`] instead; not both for one SSRC.
    ///
    /// # Errors
    /// [`SrtpError::Malformed`], [`SrtpError::TooManySources`], [`SrtpError::IndexExhausted`].
    pub fn protect_rtp(&mut self, packet: &mut Vec<u8>) -> Result<(), SrtpError> {
        let header = Header::parse_protected(packet).map_err(|_| SrtpError::Malformed)?;
        let window = self.sources.find_or_add(header.ssrc)?;
        let index = estimate(window, header.sequence);
        window.accept(index);
        self.protect_rtp_with_index(packet, index)
    }

    /// Protects `packet` in place and appends the tag, with the index given by the caller; keeps no state.
    ///
    /// The same index may be used again with the same SSRC only for identical bytes (a retransmission as it was).
    ///
    /// # Errors
    /// [`SrtpError::Malformed`] when the low 16 bits of `index` are not the packet's sequence, [`SrtpError::IndexExhausted`].
    pub fn protect_rtp_with_index(
        &self,
        packet: &mut Vec<u8>,
        index: u64,
    ) -> Result<(), SrtpError> {
        let header = Header::parse_protected(packet).map_err(|_| SrtpError::Malformed)?;
        let len = packet.len();
        packet.resize(len + self.profile.rtp_overhead(), 0);
        self.protect_rtp_slice(packet, header.payload_start, len, index)
            .map(|_| ())
    }

    /// The hot path: protects the packet in `buffer[..len]`, whose payload starts at `header_len`; returns its new length.
    ///
    /// `buffer` needs [`Profile::rtp_overhead`] bytes of room behind `len`. Nothing is parsed, allocated or remembered.
    ///
    /// # Errors
    /// [`SrtpError::NoRoom`], [`SrtpError::Malformed`], [`SrtpError::IndexExhausted`].
    #[inline]
    pub fn protect_rtp_slice(
        &self,
        buffer: &mut [u8],
        header_len: usize,
        len: usize,
        index: u64,
    ) -> Result<usize, SrtpError> {
        if index > MAX_INDEX {
            return Err(SrtpError::IndexExhausted);
        }
        let end = len + self.profile.rtp_overhead();
        let packet = buffer.get_mut(..end).ok_or(SrtpError::NoRoom)?;
        if header_len < FIXED_HEADER_LEN
            || header_len > len
            || packet[2..4] != (index as u16).to_be_bytes()
        {
            return Err(SrtpError::Malformed);
        }
        self.rtp.seal_rtp(packet, header_len, len, index)?;
        Ok(end)
    }

    /// Authenticates and decrypts an SRTP packet in place. State changes only after authentication.
    ///
    /// # Errors
    /// [`SrtpError::Malformed`], [`SrtpError::Replayed`], [`SrtpError::TooOld`], [`SrtpError::Authentication`],
    /// [`SrtpError::TooManySources`], [`SrtpError::IndexExhausted`].
    pub fn unprotect_rtp(&mut self, packet: &mut [u8]) -> Result<Unprotected, SrtpError> {
        let header = Header::parse_protected(packet).map_err(|_| SrtpError::Malformed)?;
        let len = packet
            .len()
            .checked_sub(self.profile.rtp_overhead())
            .ok_or(SrtpError::Malformed)?;
        if len < header.payload_start {
            return Err(SrtpError::Malformed);
        }
        let index = match self.sources.find(header.ssrc) {
            Some(window) => {
                let index = estimate(window, header.sequence);
                window.check(index)?;
                index
            }
            None => u64::from(header.sequence),
        };
        if index > MAX_INDEX {
            return Err(SrtpError::IndexExhausted);
        }
        self.rtp
            .open_rtp(packet, header.payload_start, len, index)?;
        self.sources.find_or_add(header.ssrc)?.accept(index);
        let header = Header::parse(&packet[..len]).map_err(|_| SrtpError::Malformed)?;
        Ok(Unprotected { len, index, header })
    }

    /// Protects an RTCP compound in place (E bit set) and appends tag and index. The index counts per context from 1.
    ///
    /// # Errors
    /// [`SrtpError::Malformed`], [`SrtpError::IndexExhausted`].
    pub fn protect_rtcp(&mut self, packet: &mut Vec<u8>) -> Result<(), SrtpError> {
        if packet.len() < RTCP_HEADER_LEN {
            return Err(SrtpError::Malformed);
        }
        let index = self.rtcp_next_index;
        if index > MAX_RTCP_INDEX {
            return Err(SrtpError::IndexExhausted);
        }
        self.rtcp_next_index += 1;
        self.rtcp.seal_rtcp(packet, index)
    }

    /// Authenticates and decrypts an SRTCP packet in place and returns the length of the plain compound.
    ///
    /// # Errors
    /// [`SrtpError::Malformed`], [`SrtpError::Replayed`], [`SrtpError::TooOld`], [`SrtpError::Authentication`],
    /// [`SrtpError::TooManySources`].
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let len = packet
            .len()
            .checked_sub(self.profile.rtcp_overhead())
            .ok_or(SrtpError::Malformed)?;
        if len < RTCP_HEADER_LEN || packet[0] >> 6 != 2 {
            return Err(SrtpError::Malformed);
        }
        let trailer = self
            .rtcp
            .rtcp_trailer(packet, len)
            .ok_or(SrtpError::Malformed)?;
        let index = u64::from(u32::from_be_bytes(trailer) & MAX_RTCP_INDEX);
        let ssrc = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
        if let Some(window) = self.rtcp_sources.find(ssrc) {
            window.check(index)?;
        }
        self.rtcp.open_rtcp(packet, len, trailer)?;
        self.rtcp_sources.find_or_add(ssrc)?.accept(index);
        Ok(len)
    }
}

/// RFC 3711 §3.3.1, with the first packet of a source taken as rollover 0.
fn estimate(window: &ReplayWindow, sequence: u16) -> u64 {
    window
        .highest()
        .map_or(u64::from(sequence), |highest| extend(highest, sequence))
}

/// Replay windows by SSRC. A peer has one to twenty sources, so a linear search wins; bounded against an authenticated flood.
#[derive(Default)]
struct Sources(Vec<(u32, ReplayWindow)>);

impl Sources {
    fn find(&self, ssrc: u32) -> Option<&ReplayWindow> {
        self.0
            .iter()
            .find(|(known, _)| *known == ssrc)
            .map(|(_, window)| window)
    }

    fn find_or_add(&mut self, ssrc: u32) -> Result<&mut ReplayWindow, SrtpError> {
        let slot = match self.0.iter().position(|(known, _)| *known == ssrc) {
            Some(slot) => slot,
            None if self.0.len() >= MAX_SOURCES => return Err(SrtpError::TooManySources),
            None => {
                self.0.push((ssrc, ReplayWindow::new()));
                self.0.len() - 1
            }
        };
        Ok(&mut self.0[slot].1)
    }
}
