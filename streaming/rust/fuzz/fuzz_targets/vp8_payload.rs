//! VP8 descriptors: rewriting the picture id changes nothing else.
#![no_main]

use libfuzzer_sys::fuzz_target;
use relay_core::payload::vp8::Vp8Descriptor;

fuzz_target!(|data: &[u8]| {
    if let Ok(before) = Vp8Descriptor::parse(data) {
        let mut copy = data.to_vec();
        before.set_picture_id(&mut copy, 0x7abc);
        let after = Vp8Descriptor::parse(&copy).unwrap();
        assert_eq!(
            Vp8Descriptor {
                picture_id: before.picture_id,
                ..after
            },
            before
        );
        assert!(before.len < data.len());
    }
});
