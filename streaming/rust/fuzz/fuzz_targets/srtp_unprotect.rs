//! SRTP and SRTCP from the network: refused or, when sealed by us, opened to the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use relay_core::rtp::Header;
use relay_core::srtp::{Profile, SrtpContext};

fn context(profile: Profile) -> SrtpContext {
    SrtpContext::new(profile, &[7; 16], &[9; 14][..profile.salt_len()]).unwrap()
}

fuzz_target!(|data: &[u8]| {
    for profile in [Profile::AeadAes128Gcm, Profile::Aes128CmSha1_80] {
        let mut receiver = context(profile);
        assert!(receiver.unprotect_rtp(&mut data.to_vec()).is_err());
        assert!(receiver.unprotect_rtcp(&mut data.to_vec()).is_err());

        let mut sealed = data.to_vec();
        if Header::parse(data).is_ok() && context(profile).protect_rtp(&mut sealed).is_ok() {
            let opened = receiver.unprotect_rtp(&mut sealed).unwrap();
            assert_eq!(&sealed[..opened.len], data);
        }
    }
});
