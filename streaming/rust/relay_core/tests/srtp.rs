//! SRTP contexts end to end: packets that libsrtp made, rollover, replays, damage, and bytes that are no packets.

use proptest::prelude::*;
use relay_core::error::SrtpError;
use relay_core::srtp::{Profile, SrtpContext};

const MASTER: &str = "e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6";
const PROFILES: [Profile; 2] = [Profile::AeadAes128Gcm, Profile::Aes128CmSha1_80];

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

fn context(profile: Profile) -> SrtpContext {
    SrtpContext::from_keying_material(profile, &unhex(MASTER)[..16 + profile.salt_len()]).unwrap()
}

fn packet(ssrc: u32, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = unhex("90e0000000000102000000ffbede000110aa0000");
    packet[2..4].copy_from_slice(&sequence.to_be_bytes());
    packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
    packet.extend_from_slice(payload);
    packet
}

/// Made with libsrtp from the same master key.
struct Foreign {
    profile: Profile,
    plain_header: &'static str,
    after_rollover: &'static str,
    rtcp: [&'static str; 2],
}

const FOREIGN: [Foreign; 2] = [
    Foreign {
        profile: Profile::Aes128CmSha1_80,
        plain_header: "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb",
        after_rollover: "90e0000000000102cafebabfbede000110aa0000630d262d0d71fd0173710dec7992ca9bf14315d210e7887a1d37",
        rtcp: [
            "81c8000d4d617273f2bb7b81f9b988034c297110352c53781268f3d76040350f49086b0a2297239aeebaf47f1a17638ae7a25bc880000001432cfe93cba0c4783d44",
            "81c8000d4d617273d18aeaa49b7d2328af0ca469937de516d9129776085ed80b12b5eaaf4a18a5056a234d35a1db7361880012058000000248ba2dd5b213f1ded8b4",
        ],
    },
    Foreign {
        profile: Profile::AeadAes128Gcm,
        plain_header: "800f1234decafbadcafebabe0eca0cf95ee955b26cd3d288b49f6ca959171450975f4144da9cdd7ae989a277",
        after_rollover: "90e0000000000102cafebabfbede000110aa0000214a85e32515570a9a2cb989d295eb92ad2f78517f4213fbd48afa5e75c8904f",
        rtcp: [
            "81c8000d4d6172733ae6e9fb8870a71cb13b5caacfd0f4167d5b9484a31a2bf65c855d70ddd43987a3aa0005a84ff68c7ef8ae732f3986eea9516fa1d5a7c9ec328172b580000001",
            "81c8000d4d61727392925a380823c630dfa82e36ce5c0529669d8a9910d88b828768085b23644bf54cccf5af448a16671b8b1b5c71af09d4d958de08d4ad06deb593e6fa80000002",
        ],
    },
];

#[test]
fn packets_equal_those_of_libsrtp() {
    let rtcp = unhex(
        "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
    );
    for foreign in FOREIGN {
        let mut sender = context(foreign.profile);
        let mut plain = unhex("800f1234decafbadcafebabeabababababababababababababababab");
        sender.protect_rtp(&mut plain).unwrap();
        assert_eq!(plain, unhex(foreign.plain_header), "{:?}", foreign.profile);
        let mut rolled = packet(0xcafe_babf, 0, b"Nothing is lost.");
        sender
            .protect_rtp_with_index(&mut rolled, 0x1_0000)
            .unwrap();
        assert_eq!(
            rolled,
            unhex(foreign.after_rollover),
            "{:?}",
            foreign.profile
        );
        for want in foreign.rtcp {
            let mut compound = rtcp.clone();
            sender.protect_rtcp(&mut compound).unwrap();
            assert_eq!(compound, unhex(want), "{:?}", foreign.profile);
            let len = context(foreign.profile)
                .unprotect_rtcp(&mut compound)
                .unwrap();
            assert_eq!(compound[..len], rtcp);
        }
    }
}

#[test]
fn both_sides_follow_the_rollover_and_accept_late_packets() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = (context(profile), context(profile));
        let mut late = packet(7, 65_535, b"late");
        for sequence in [65_533u16, 65_534, 0, 1] {
            if sequence == 0 {
                sender.protect_rtp(&mut late).unwrap();
            }
            let mut bytes = packet(7, sequence, b"x");
            sender.protect_rtp(&mut bytes).unwrap();
            let opened = receiver.unprotect_rtp(&mut bytes).unwrap();
            assert_eq!(
                opened.index,
                u64::from(sequence) + if sequence < 2 { 0x1_0000 } else { 0 }
            );
        }
        assert_eq!(receiver.unprotect_rtp(&mut late).unwrap().index, 65_535);
    }
}

#[test]
fn an_index_resends_an_old_packet_identically() {
    let sender = context(Profile::AeadAes128Gcm);
    let (mut first, mut again) = (packet(7, 5, b"same"), packet(7, 5, b"same"));
    sender.protect_rtp_with_index(&mut first, 0x3_0005).unwrap();
    sender
        .protect_rtp_with_index(&mut packet(7, 9, b"later"), 0x4_0009)
        .unwrap();
    sender.protect_rtp_with_index(&mut again, 0x3_0005).unwrap();
    assert_eq!(first, again);
    assert_eq!(
        sender.protect_rtp_with_index(&mut packet(7, 5, b""), 0x3_0006),
        Err(SrtpError::Malformed)
    );
    assert_eq!(
        sender.protect_rtp_with_index(&mut packet(7, 5, b""), (1 << 48) + 5),
        Err(SrtpError::IndexExhausted)
    );
}

#[test]
fn a_replayed_packet_is_refused_and_one_source_does_not_shadow_another() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = (context(profile), context(profile));
        let (mut bytes, mut other) = (packet(7, 100, b"x"), packet(8, 100, b"x"));
        sender.protect_rtp(&mut bytes).unwrap();
        sender.protect_rtp(&mut other).unwrap();
        let mut replay = bytes.clone();
        receiver.unprotect_rtp(&mut bytes).unwrap();
        assert_eq!(
            receiver.unprotect_rtp(&mut replay),
            Err(SrtpError::Replayed)
        );
        receiver.unprotect_rtp(&mut other).unwrap();

        let mut report = unhex("80c9000100000007");
        sender.protect_rtcp(&mut report).unwrap();
        let mut replay = report.clone();
        receiver.unprotect_rtcp(&mut report).unwrap();
        assert_eq!(
            receiver.unprotect_rtcp(&mut replay),
            Err(SrtpError::Replayed)
        );
    }
}

#[test]
fn a_forged_jump_does_not_move_the_rollover() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = (context(profile), context(profile));
        let mut bytes = packet(7, 60_000, b"x");
        sender.protect_rtp(&mut bytes).unwrap();
        receiver.unprotect_rtp(&mut bytes).unwrap();
        let mut forged = packet(7, 20_000, &[0; 40]);
        assert_eq!(
            receiver.unprotect_rtp(&mut forged),
            Err(SrtpError::Authentication)
        );
        let mut next = packet(7, 60_001, b"y");
        sender.protect_rtp(&mut next).unwrap();
        assert_eq!(receiver.unprotect_rtp(&mut next).unwrap().index, 60_001);
    }
}

#[test]
fn a_flood_of_authentic_sources_is_bounded() {
    let (sender, mut receiver) = (
        context(Profile::AeadAes128Gcm),
        context(Profile::AeadAes128Gcm),
    );
    let outcomes: Vec<_> = (0..70)
        .map(|ssrc| {
            let mut bytes = packet(ssrc, 1, b"");
            sender.protect_rtp_with_index(&mut bytes, 1).unwrap();
            receiver.unprotect_rtp(&mut bytes).err()
        })
        .collect();
    assert_eq!(outcomes[63], None);
    assert_eq!(outcomes[64], Some(SrtpError::TooManySources));
}

#[test]
fn keys_of_the_wrong_length_and_unknown_profiles_are_refused() {
    assert_eq!(
        SrtpContext::new(Profile::AeadAes128Gcm, &[0; 16], &[0; 14]).err(),
        Some(SrtpError::BadKeyLength)
    );
    assert_eq!(
        SrtpContext::new(Profile::Aes128CmSha1_80, &[0; 15], &[0; 14]).err(),
        Some(SrtpError::BadKeyLength)
    );
    assert_eq!(
        SrtpContext::from_keying_material(Profile::AeadAes128Gcm, &[0; 9]).err(),
        Some(SrtpError::BadKeyLength)
    );
    assert_eq!(
        Profile::from_name("SRTP_AEAD_AES_128_GCM"),
        Ok(Profile::AeadAes128Gcm)
    );
    assert_eq!(
        Profile::from_name("SRTP_AES128_CM_SHA1_80"),
        Ok(Profile::Aes128CmSha1_80)
    );
    assert_eq!(
        Profile::from_name("SRTP_NULL"),
        Err(SrtpError::UnknownProfile)
    );
}

#[test]
fn a_buffer_without_room_is_refused() {
    let sender = context(Profile::AeadAes128Gcm);
    let mut bytes = packet(7, 1, b"payload");
    let len = bytes.len();
    assert_eq!(
        sender.protect_rtp_slice(&mut bytes, 20, len, 1),
        Err(SrtpError::NoRoom)
    );
    bytes.resize(len + 16, 0);
    assert_eq!(
        sender.protect_rtp_slice(&mut bytes, len + 1, len, 1),
        Err(SrtpError::Malformed)
    );
    assert_eq!(
        sender.protect_rtp_slice(&mut bytes, 20, len, 1),
        Ok(len + 16)
    );
}

fn profile() -> impl Strategy<Value = Profile> {
    proptest::sample::select(&PROFILES[..])
}

proptest! {
    #[test]
    fn opening_undoes_sealing(profile in profile(), index in 0u64..0x1_0000, payload in proptest::collection::vec(any::<u8>(), 0..1300)) {
        let mut bytes = packet(9, index as u16, &payload);
        let plain = bytes.clone();
        context(profile).protect_rtp_with_index(&mut bytes, index).unwrap();
        prop_assert_eq!(bytes.len(), plain.len() + profile.rtp_overhead());
        let opened = context(profile).unprotect_rtp(&mut bytes).unwrap();
        prop_assert_eq!((&bytes[..opened.len], opened.index), (&plain[..], index));
    }

    #[test]
    fn any_flipped_bit_fails_authentication(profile in profile(), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut bytes = packet(9, 77, b"every bit of this is protected");
        context(profile).protect_rtp_with_index(&mut bytes, 77).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(context(profile).unprotect_rtp(&mut bytes).is_err());
    }

    #[test]
    fn an_rtcp_compound_survives_and_its_damage_does_not(profile in profile(), body in proptest::collection::vec(any::<u8>(), 4..200), at in any::<prop::sample::Index>()) {
        let mut compound = [&[0x80, 201, 0, 1][..], &body].concat();
        let plain = compound.clone();
        context(profile).protect_rtcp(&mut compound).unwrap();
        let mut damaged = compound.clone();
        let len = context(profile).unprotect_rtcp(&mut compound).unwrap();
        prop_assert_eq!(&compound[..len], &plain[..]);
        let at = at.index(damaged.len());
        damaged[at] ^= 0x10;
        prop_assert!(context(profile).unprotect_rtcp(&mut damaged).is_err());
    }

    #[test]
    fn any_bytes_are_refused_without_panic(profile in profile(), mut bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        prop_assert!(context(profile).unprotect_rtp(&mut bytes).is_err());
        prop_assert!(context(profile).unprotect_rtcp(&mut bytes).is_err());
        if bytes.len() > 1 {
            (bytes[0], bytes[1]) = (0x80, 96);
            prop_assert!(context(profile).unprotect_rtp(&mut bytes).is_err());
            prop_assert!(context(profile).unprotect_rtcp(&mut bytes).is_err());
        }
    }
}
