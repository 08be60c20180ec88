//! RTP headers, extension elements, RTX: all offsets stay inside, rewriting keeps the rest.
#![no_main]

use libfuzzer_sys::fuzz_target;
use relay_core::rtp::{Header, extension};
use relay_core::rtx::{self, RtxIdentity};

fuzz_target!(|data: &[u8]| {
    let Ok(header) = Header::parse(data) else {
        return;
    };
    assert_eq!(header.payload_end + header.padding, data.len());
    let inside: usize = extension::elements(data, &header)
        .map(|element| element.data.len() + 1)
        .sum();
    assert!(inside <= header.payload_start);

    let mut resent = Vec::new();
    rtx::wrap(
        data,
        &header,
        header.sequence,
        RtxIdentity {
            payload_type: 1,
            ssrc: 2,
            sequence: 3,
        },
        &mut resent,
    );
    let rtx_header = Header::parse(&resent).unwrap();
    let len = rtx::unwrap(&mut resent, &rtx_header, header.payload_type, header.ssrc).unwrap();
    assert_eq!(resent[header.payload_start..len], data[header.payload()]);
});
