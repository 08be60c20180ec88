//! SRTP and SRTCP (RFC 3711, RFC 7714) with keys handed in from outside. One [`SrtpContext`] per direction of one peer.
//!
//! A *packet index* is `(ROC << 16) | sequence`, 48 bits: exactly an extended output sequence number, so a sender that
//! keeps 64-bit sequence numbers calls [`SrtpContext::protect_rtp_with_index`] and no rollover state is kept at all.

mod cipher;
pub mod context;
pub mod key_derivation;
pub mod replay_window;

pub use context::{SrtpContext, Unprotected};
pub use replay_window::ReplayWindow;

use crate::error::SrtpError;

/// A protection profile (IANA DTLS-SRTP protection profiles).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// `SRTP_AEAD_AES_128_GCM` (RFC 7714).
    AeadAes128Gcm,
    /// `SRTP_AES128_CM_SHA1_80` (RFC 3711).
    Aes128CmSha1_80,
}

impl Profile {
    /// The profile of an IANA name, with or without the `SRTP_` prefix.
    ///
    /// # Errors
    /// [`SrtpError::UnknownProfile`].
    pub fn from_name(name: &str) -> Result<Self, SrtpError> {
        match name.strip_prefix("SRTP_").unwrap_or(name) {
            "AEAD_AES_128_GCM" => Ok(Self::AeadAes128Gcm),
            "AES128_CM_SHA1_80" | "AES128_CM_HMAC_SHA1_80" => Ok(Self::Aes128CmSha1_80),
            _ => Err(SrtpError::UnknownProfile),
        }
    }

    /// Bytes of the master key.
    #[must_use]
    pub const fn key_len(self) -> usize {
        16
    }

    /// Bytes of the master salt.
    #[must_use]
    pub const fn salt_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm => 12,
            Self::Aes128CmSha1_80 => 14,
        }
    }

    /// Bytes that protection adds to an RTP packet.
    #[must_use]
    pub const fn rtp_overhead(self) -> usize {
        match self {
            Self::AeadAes128Gcm => 16,
            Self::Aes128CmSha1_80 => 10,
        }
    }

    /// Bytes that protection adds to an RTCP compound, index word included.
    #[must_use]
    pub const fn rtcp_overhead(self) -> usize {
        self.rtp_overhead() + 4
    }
}
