//! H.264 payloads: looked into without panic, and a key-frame start is never a continuation.
#![no_main]

use libfuzzer_sys::fuzz_target;
use relay_core::payload::h264::H264Info;

fuzz_target!(|data: &[u8]| {
    if let Ok(info) = H264Info::parse(data) {
        assert!(!info.keyframe_start || info.starts_nal);
    }
});
