//! One function a target: any bytes in, a panic when a promise is broken.

mod bytes;
#[path = "../../../relay_runtime/src/tcp/framing.rs"]
mod framing;
mod listener;
mod mirrored;
mod parsers;
mod relayed;

pub use mirrored::mirror_updates;
pub use parsers::{
    demux, framed, h264_payload, rtcp_compound, rtp_header, srtp_unprotect, stun, vp8_payload,
};
pub use relayed::relay_packets;

/// A target's function.
pub type Check = fn(&[u8]);

/// Every target by name, which is also its corpus directory.
pub const TARGETS: &[(&str, Check)] = &[
    ("demux", demux),
    ("framing", framed),
    ("h264_payload", h264_payload),
    ("mirror_updates", mirror_updates),
    ("relay_packets", relay_packets),
    ("rtcp_compound", rtcp_compound),
    ("rtp_header", rtp_header),
    ("srtp_unprotect", srtp_unprotect),
    ("stun", stun),
    ("vp8_payload", vp8_payload),
];
