//! Session keys from master key and salt (RFC 3711 §4.3, key derivation rate 0; RFC 7714 §11 uses the same function).

use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};

/// What a derived key is for (RFC 3711 §4.3.1, table of labels).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Label {
    /// SRTP encryption key.
    RtpEncryption = 0,
    /// SRTP message authentication key.
    RtpAuthentication = 1,
    /// SRTP salting key.
    RtpSalt = 2,
    /// SRTCP encryption key.
    RtcpEncryption = 3,
    /// SRTCP message authentication key.
    RtcpAuthentication = 4,
    /// SRTCP salting key.
    RtcpSalt = 5,
}

/// Derives `N` bytes. A 12-byte salt (RFC 7714) is used as if followed by two zero bytes.
#[must_use]
pub fn derive<const N: usize>(key: &[u8; 16], salt: &[u8], label: Label) -> [u8; N] {
    let cipher = Aes128::new(&Array(*key));
    let mut counter = [0u8; 16];
    for (target, source) in counter.iter_mut().zip(salt.iter().take(14)) {
        *target = *source;
    }
    // key_id = label || (index DIV 0) is 7 bytes long and right-aligned with the 14-byte salt.
    counter[7] ^= label as u8;
    let mut out = [0; N];
    for (number, chunk) in out.chunks_mut(16).enumerate() {
        counter[14..].copy_from_slice(&(number as u16).to_be_bytes());
        let mut block = Array(counter);
        cipher.encrypt_block(&mut block);
        chunk.copy_from_slice(&block[..chunk.len()]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 16] = [
        0xE1, 0xF9, 0x7A, 0x0D, 0x3E, 0x01, 0x8B, 0xE0, 0xD6, 0x4F, 0xA3, 0x2C, 0x06, 0xDE, 0x41,
        0x39,
    ];
    const SALT: [u8; 14] = [
        0x0E, 0xC6, 0x75, 0xAD, 0x49, 0x8A, 0xFE, 0xEB, 0xB6, 0x96, 0x0B, 0x3A, 0xAB, 0xE6,
    ];

    /// RFC 3711 appendix B.3.
    #[test]
    fn keys_match_rfc_3711_appendix_b3() {
        assert_eq!(
            derive::<16>(&KEY, &SALT, Label::RtpEncryption),
            [
                0xC6, 0x1E, 0x7A, 0x93, 0x74, 0x4F, 0x39, 0xEE, 0x10, 0x73, 0x4A, 0xFE, 0x3F, 0xF7,
                0xA0, 0x87
            ]
        );
        assert_eq!(
            derive::<14>(&KEY, &SALT, Label::RtpSalt),
            [
                0x30, 0xCB, 0xBC, 0x08, 0x86, 0x3D, 0x8C, 0x85, 0xD4, 0x9D, 0xB3, 0x4A, 0x9A, 0xE1
            ]
        );
        let want = "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCE\
                    E049646C43D9327AD175578EF72270986371C10C9A369AC2F94A8C5FBCDDDC25\
                    6D6E919A48B610EF17C2041E474035766B68642C59BBFC2F34DB60DBDFB2";
        let auth: [u8; 94] = derive(&KEY, &SALT, Label::RtpAuthentication);
        assert_eq!(auth.map(|byte| format!("{byte:02X}")).concat(), want);
    }
}
