//! Sans-I/O relay logic: bytes and `now` in, bytes and events out. No sockets, clock, threads, `unsafe` or pyo3.
//!
//! | module | what it gives |
//! |---|---|
//! | [`demux`] | `classify(datagram) -> DatagramKind` (RFC 7983, RFC 5761) |
//! | [`stun`] | `BindingRequest::parse(datagram)`, `.verify(password)`, `write_success`, `write_error`, `write_request` |
//! | [`rtp`] | `Header::parse(packet)` = values and offsets; `set_*` in place; [`rtp::extension`]: `elements`, `find`, `remap_ids`, `strip` |
//! | [`sequence`] | `extend(reference, u16) -> u64`, `SequenceUnwrapper`, `TimestampUnwrapper` |
//! | [`rtcp`] | `rtcp::parts(compound)` yields `Result<Packet, RtcpError>` per part; `write` on each packet; [`rtcp::ntp`] |
//! | [`srtp`] | `SrtpContext::{protect_rtp, protect_rtp_with_index, protect_rtp_slice, unprotect_rtp, protect_rtcp, unprotect_rtcp}` |
//! | [`rtx`] | `wrap` and `unwrap` of RFC 4588 |
//! | [`payload`] | `H264Info::parse`, `Vp8Descriptor::parse` with picture id rewriting |
//! | [`error`] | one error tree, each error `Copy` with a stable `id()` |
//!
//! Nothing here panics on any input; parsers borrow and do not allocate.
#![forbid(unsafe_code)]

pub mod demux;
pub mod error;
pub mod forward;
pub mod payload;
pub mod rtcp;
pub mod rtp;
pub mod rtx;
pub mod sequence;
pub mod srtp;
pub mod stun;
