//! RTCP compounds: every part and everything inside it can be walked.
#![no_main]

use libfuzzer_sys::fuzz_target;
use relay_core::rtcp::{Packet, parts};

fuzz_target!(|data: &[u8]| {
    for part in parts(data).flatten() {
        match part {
            Packet::SenderReport(report) => drop(report.blocks.count()),
            Packet::ReceiverReport(report) => drop(report.blocks.count()),
            Packet::Sdes(sdes) => drop(sdes.cnames().count()),
            Packet::Bye(bye) => drop(bye.ssrcs().count()),
            Packet::Nack(nack) => drop(nack.sequences().count()),
            Packet::Fir(fir) => drop(fir.entries().count()),
            Packet::Remb(remb) => drop(remb.ssrcs().count()),
            Packet::Pli(_) | Packet::Unknown { .. } => {}
        }
    }
});
