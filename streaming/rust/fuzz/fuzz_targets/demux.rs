//! Every datagram has a class, and the class decides which parser sees it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use relay_core::demux::{DatagramKind, classify};
use relay_core::rtp::Header;
use relay_core::stun::BindingRequest;

fuzz_target!(|data: &[u8]| match classify(data) {
    DatagramKind::Stun => drop(BindingRequest::parse(data)),
    DatagramKind::Rtp => drop(Header::parse_protected(data)),
    DatagramKind::Dtls | DatagramKind::Rtcp | DatagramKind::Other => {}
});
