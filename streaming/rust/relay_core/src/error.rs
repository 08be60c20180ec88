//! The error tree of the crate: what can be wrong with bytes from the network. No I/O errors, no protocol state.
//!
//! Every error is `Copy`, allocates nothing and carries a stable id ([`Error::id`]) that is the name of a counter outside.

use thiserror::Error as ThisError;

/// Any error of `relay_core`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ThisError)]
pub enum Error {
    /// A STUN message was refused.
    #[error(transparent)]
    Stun(#[from] StunError),
    /// An RTP packet was refused.
    #[error(transparent)]
    Rtp(#[from] RtpError),
    /// A part of an RTCP compound was refused.
    #[error(transparent)]
    Rtcp(#[from] RtcpError),
    /// SRTP protection failed.
    #[error(transparent)]
    Srtp(#[from] SrtpError),
    /// A codec payload was refused.
    #[error(transparent)]
    Payload(#[from] PayloadError),
}

impl Error {
    /// Stable identifier, `area.reason`.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        match self {
            Self::Stun(error) => error.id(),
            Self::Rtp(error) => error.id(),
            Self::Rtcp(error) => error.id(),
            Self::Srtp(error) => error.id(),
            Self::Payload(error) => error.id(),
        }
    }
}

macro_rules! errors {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $id:literal, $message:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, ThisError)]
        pub enum $name {
            $($(#[$variant_doc])* #[error($message)] $variant,)+
        }

        impl $name {
            /// Stable identifier, `area.reason`.
            #[must_use]
            pub const fn id(&self) -> &'static str {
                match self {
                    $(Self::$variant => $id,)+
                }
            }
        }
    };
}

errors! {
    /// Why a STUN message was refused (RFC 8489, RFC 8445).
    StunError {
        /// Shorter than its header or attributes say.
        Truncated => "stun.truncated", "stun message is truncated";
        /// Magic cookie, leading bits or length field are wrong.
        Malformed => "stun.malformed", "not a stun message";
        /// A well-formed message of another class or method.
        NotBindingRequest => "stun.not_binding_request", "stun message is not a binding request";
        /// USERNAME is missing or has no ':'.
        BadUsername => "stun.bad_username", "username is missing or not local:remote";
        /// MESSAGE-INTEGRITY is missing.
        MissingIntegrity => "stun.missing_integrity", "message integrity is missing";
        /// MESSAGE-INTEGRITY does not match.
        BadIntegrity => "stun.bad_integrity", "message integrity does not match";
        /// FINGERPRINT does not match.
        BadFingerprint => "stun.bad_fingerprint", "fingerprint does not match";
        /// The output buffer is too small.
        NoRoom => "stun.no_room", "output buffer is too small";
    }
}

errors! {
    /// Why an RTP packet was refused (RFC 3550, RFC 8285, RFC 4588).
    RtpError {
        /// Shorter than its header says.
        Truncated => "rtp.truncated", "rtp packet is truncated";
        /// Version is not 2.
        BadVersion => "rtp.bad_version", "rtp version is not 2";
        /// The padding count is zero or larger than the payload.
        BadPadding => "rtp.bad_padding", "rtp padding length is wrong";
        /// The payload is empty where bytes are needed.
        EmptyPayload => "rtp.empty_payload", "rtp payload is empty";
    }
}

errors! {
    /// Why a part of an RTCP compound was refused (RFC 3550, RFC 4585, RFC 5104).
    RtcpError {
        /// Shorter than its length field says; the rest of the compound is unreadable.
        Truncated => "rtcp.truncated", "rtcp packet is truncated";
        /// Version is not 2; the rest of the compound is unreadable.
        BadVersion => "rtcp.bad_version", "rtcp version is not 2";
        /// Counts or inner lengths contradict the packet's length.
        Malformed => "rtcp.malformed", "rtcp packet is malformed";
    }
}

errors! {
    /// Why SRTP protection or its removal failed (RFC 3711, RFC 7714).
    SrtpError {
        /// The master key or salt has the wrong length for the profile.
        BadKeyLength => "srtp.bad_key_length", "srtp master key or salt has the wrong length";
        /// The profile is not known.
        UnknownProfile => "srtp.unknown_profile", "srtp protection profile is unknown";
        /// Too short, or not RTP or RTCP at all.
        Malformed => "srtp.malformed", "srtp packet is malformed";
        /// The tag does not match.
        Authentication => "srtp.authentication", "srtp authentication failed";
        /// Seen before.
        Replayed => "srtp.replayed", "srtp packet was replayed";
        /// Older than the replay window reaches.
        TooOld => "srtp.too_old", "srtp packet is older than the replay window";
        /// The 48-bit (RTCP: 31-bit) packet index is used up; new keys are needed.
        IndexExhausted => "srtp.index_exhausted", "srtp packet index is exhausted";
        /// More SSRCs than one context keeps.
        TooManySources => "srtp.too_many_sources", "srtp context has too many sources";
        /// The buffer has no room for the tag.
        NoRoom => "srtp.no_room", "buffer has no room for the srtp tag";
    }
}

errors! {
    /// Why a codec payload was refused (RFC 6184, RFC 7741).
    PayloadError {
        /// Shorter than its header says.
        Truncated => "payload.truncated", "payload is truncated";
        /// A form that is reserved or not defined for packetization mode 0 and 1.
        Unsupported => "payload.unsupported", "payload form is not supported";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_its_id_through_the_tree() {
        assert_eq!(Error::from(SrtpError::Replayed).id(), "srtp.replayed");
        assert_eq!(
            Error::from(StunError::BadIntegrity).to_string(),
            "message integrity does not match"
        );
    }
}
