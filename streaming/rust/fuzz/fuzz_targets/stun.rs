//! Binding requests: parsing, verification, and the answers made from what was parsed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use relay_core::stun::{BindingRequest, ErrorCode, MAX_RESPONSE_LEN, write_error, write_success};

fuzz_target!(|data: &[u8]| {
    if let Ok(request) = BindingRequest::parse(data) {
        let _ = request.verify(b"password");
        let mut out = [0; MAX_RESPONSE_LEN];
        let id = &request.transaction_id;
        write_success(&mut out, id, ([127, 0, 0, 1], 9).into(), b"password").unwrap();
        write_error(
            &mut out,
            id,
            ErrorCode::UnknownAttribute,
            request.unknown.as_slice(),
            Some(b"password"),
        )
        .unwrap();
    }
});
