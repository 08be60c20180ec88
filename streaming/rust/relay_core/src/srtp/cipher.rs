//! The two transforms on bytes: AES-128-GCM (RFC 7714) and AES-CM with HMAC-SHA1-80 (RFC 3711). Stateless; indices come in.

use aes::Aes128;
use aes::cipher::{Array, InnerIvInit, KeyInit, StreamCipher};
use ctr::Ctr128BE;
use hmac::{Hmac, Mac};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sha1::Sha1;

use super::Profile;
use super::key_derivation::{Label, derive};
use crate::error::SrtpError;

const GCM_TAG_LEN: usize = 16;
const HMAC_TAG_LEN: usize = 10;
/// RTCP header and sender SSRC: never encrypted.
pub const RTCP_HEADER_LEN: usize = 8;

/// Session keys of RTP or of RTCP.
pub enum Cipher {
    /// AEAD: one key does both.
    Gcm {
        /// Reusable sealing and opening key.
        key: Box<LessSafeKey>,
        /// Session salt.
        salt: [u8; 12],
    },
    /// Counter mode and a separate MAC.
    Cm {
        /// Expanded AES key.
        cipher: Box<Aes128>,
        /// Keyed MAC state, cloned per packet.
        mac: Box<Hmac<Sha1>>,
        /// Session salt.
        salt: [u8; 14],
    },
}

impl Cipher {
    /// Derives the session keys with the labels of encryption, authentication and salt.
    pub fn derive(
        profile: Profile,
        key: &[u8; 16],
        salt: &[u8],
        labels: [Label; 3],
    ) -> Result<Self, SrtpError> {
        let session_key: [u8; 16] = derive(key, salt, labels[0]);
        match profile {
            Profile::AeadAes128Gcm => {
                let unbound = UnboundKey::new(&AES_128_GCM, &session_key)
                    .map_err(|_| SrtpError::BadKeyLength)?;
                Ok(Self::Gcm {
                    key: Box::new(LessSafeKey::new(unbound)),
                    salt: derive(key, salt, labels[2]),
                })
            }
            Profile::Aes128CmSha1_80 => {
                let mac_key: [u8; 20] = derive(key, salt, labels[1]);
                Ok(Self::Cm {
                    cipher: Box::new(Aes128::new(&Array(session_key))),
                    mac: Box::new(
                        Hmac::new_from_slice(&mac_key).map_err(|_| SrtpError::BadKeyLength)?,
                    ),
                    salt: derive(key, salt, labels[2]),
                })
            }
        }
    }

    /// Encrypts `packet[header_len..len]` in place and writes the tag into `packet[len..]`, which has the tag's length.
    #[inline]
    pub fn seal_rtp(
        &self,
        packet: &mut [u8],
        header_len: usize,
        len: usize,
        index: u64,
    ) -> Result<(), SrtpError> {
        let ssrc = [packet[8], packet[9], packet[10], packet[11]];
        match self {
            Self::Gcm { key, salt } => {
                let (plain, tag) = packet.split_at_mut(len);
                let (header, payload) = plain.split_at_mut(header_len);
                let sealed = key.seal_in_place_separate_tag(
                    gcm_rtp_nonce(salt, ssrc, index),
                    Aad::from(&*header),
                    payload,
                );
                tag.copy_from_slice(sealed.map_err(|_| SrtpError::Malformed)?.as_ref());
            }
            Self::Cm { cipher, mac, salt } => {
                cm_apply(cipher, salt, ssrc, index, &mut packet[header_len..len]);
                let tag = cm_tag(mac, &packet[..len], &rollover(index));
                packet[len..].copy_from_slice(&tag);
            }
        }
        Ok(())
    }

    /// Authenticates the packet and decrypts `packet[header_len..len]`; the tag is `packet[len..]`.
    pub fn open_rtp(
        &self,
        packet: &mut [u8],
        header_len: usize,
        len: usize,
        index: u64,
    ) -> Result<(), SrtpError> {
        let ssrc = [packet[8], packet[9], packet[10], packet[11]];
        match self {
            Self::Gcm { key, salt } => {
                let (header, sealed) = packet.split_at_mut(header_len);
                let opened = key.open_in_place(
                    gcm_rtp_nonce(salt, ssrc, index),
                    Aad::from(&*header),
                    sealed,
                );
                opened.map(|_| ()).map_err(|_| SrtpError::Authentication)
            }
            Self::Cm { cipher, mac, salt } => {
                cm_verify(mac, &packet[..len], &rollover(index), &packet[len..])?;
                cm_apply(cipher, salt, ssrc, index, &mut packet[header_len..len]);
                Ok(())
            }
        }
    }

    /// Encrypts an RTCP compound of at least [`RTCP_HEADER_LEN`] bytes and appends tag and index word with the E bit.
    pub fn seal_rtcp(&self, packet: &mut Vec<u8>, index: u32) -> Result<(), SrtpError> {
        let trailer = (index | 0x8000_0000).to_be_bytes();
        let ssrc = [packet[4], packet[5], packet[6], packet[7]];
        match self {
            Self::Gcm { key, salt } => {
                let (header, body) = packet.split_at_mut(RTCP_HEADER_LEN);
                let nonce = gcm_rtcp_nonce(salt, ssrc, index);
                let sealed = key.seal_in_place_separate_tag(
                    nonce,
                    Aad::from(rtcp_aad(header, trailer)),
                    body,
                );
                packet.extend_from_slice(sealed.map_err(|_| SrtpError::Malformed)?.as_ref());
                packet.extend_from_slice(&trailer);
            }
            Self::Cm { cipher, mac, salt } => {
                cm_apply(
                    cipher,
                    salt,
                    ssrc,
                    u64::from(index),
                    &mut packet[RTCP_HEADER_LEN..],
                );
                packet.extend_from_slice(&trailer);
                let tag = cm_tag(mac, packet, &[]);
                packet.extend_from_slice(&tag);
            }
        }
        Ok(())
    }

    /// The E bit and index word of an SRTCP packet whose plain length is `len`.
    pub fn rtcp_trailer(&self, packet: &[u8], len: usize) -> Option<[u8; 4]> {
        let at = match self {
            Self::Gcm { .. } => len + GCM_TAG_LEN,
            Self::Cm { .. } => len,
        };
        packet.get(at..)?.first_chunk().copied()
    }

    /// Authenticates an SRTCP packet and decrypts it in place when its E bit says so.
    pub fn open_rtcp(
        &self,
        packet: &mut [u8],
        len: usize,
        trailer: [u8; 4],
    ) -> Result<(), SrtpError> {
        let ssrc = [packet[4], packet[5], packet[6], packet[7]];
        let encrypted = trailer[0] & 0x80 != 0;
        let index = u32::from_be_bytes(trailer) & 0x7fff_ffff;
        match self {
            Self::Gcm { key, salt } => {
                let nonce = gcm_rtcp_nonce(salt, ssrc, index);
                let end = len + GCM_TAG_LEN;
                let opened = if encrypted {
                    let (header, sealed) = packet[..end].split_at_mut(RTCP_HEADER_LEN);
                    key.open_in_place(nonce, Aad::from(rtcp_aad(header, trailer)), sealed)
                        .map(|_| ())
                } else {
                    // RFC 7714 §9.3: everything is associated data and no ciphertext stands before the tag.
                    let associated = [&packet[..len], &trailer[..]].concat();
                    key.open_in_place(nonce, Aad::from(associated), &mut packet[len..end])
                        .map(|_| ())
                };
                opened.map_err(|_| SrtpError::Authentication)
            }
            Self::Cm { cipher, mac, salt } => {
                let end = len + trailer.len();
                cm_verify(mac, &packet[..end], &[], &packet[end..])?;
                if encrypted {
                    cm_apply(
                        cipher,
                        salt,
                        ssrc,
                        u64::from(index),
                        &mut packet[RTCP_HEADER_LEN..len],
                    );
                }
                Ok(())
            }
        }
    }
}

fn rollover(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

/// RFC 7714 §8.1: 0x0000 || SSRC || ROC || SEQ, exclusive-or salt.
#[inline]
fn gcm_rtp_nonce(salt: &[u8; 12], ssrc: [u8; 4], index: u64) -> Nonce {
    let mut iv = [0; 12];
    iv[2..6].copy_from_slice(&ssrc);
    iv[6..].copy_from_slice(&index.to_be_bytes()[2..]);
    Nonce::assume_unique_for_key(xor(iv, salt))
}

/// RFC 7714 §9.1: 0x0000 || SSRC || 0x0000 || index, exclusive-or salt.
fn gcm_rtcp_nonce(salt: &[u8; 12], ssrc: [u8; 4], index: u32) -> Nonce {
    let mut iv = [0; 12];
    iv[2..6].copy_from_slice(&ssrc);
    iv[8..].copy_from_slice(&index.to_be_bytes());
    Nonce::assume_unique_for_key(xor(iv, salt))
}

fn xor<const N: usize>(mut value: [u8; N], mask: &[u8; N]) -> [u8; N] {
    for (byte, mask) in value.iter_mut().zip(mask) {
        *byte ^= mask;
    }
    value
}

fn rtcp_aad(header: &[u8], trailer: [u8; 4]) -> [u8; RTCP_HEADER_LEN + 4] {
    let mut aad = [0; RTCP_HEADER_LEN + 4];
    aad[..RTCP_HEADER_LEN].copy_from_slice(header);
    aad[RTCP_HEADER_LEN..].copy_from_slice(&trailer);
    aad
}

/// RFC 3711 §4.1.1: IV = (salt · 2¹⁶) ⊕ (SSRC · 2⁶⁴) ⊕ (index · 2¹⁶).
fn cm_apply(cipher: &Aes128, salt: &[u8; 14], ssrc: [u8; 4], index: u64, data: &mut [u8]) {
    let mut iv = [0; 14];
    iv[4..8].copy_from_slice(&ssrc);
    iv[8..].copy_from_slice(&index.to_be_bytes()[2..]);
    let mut counter = [0; 16];
    counter[..14].copy_from_slice(&xor(iv, salt));
    let core = ctr::CtrCore::<_, ctr::flavors::Ctr128BE>::inner_iv_init(cipher, &Array(counter));
    Ctr128BE::from_core(core).apply_keystream(data);
}

fn cm_tag(mac: &Hmac<Sha1>, data: &[u8], suffix: &[u8]) -> [u8; HMAC_TAG_LEN] {
    let mut mac = mac.clone();
    mac.update(data);
    mac.update(suffix);
    let full = mac.finalize().into_bytes();
    let mut tag = [0; HMAC_TAG_LEN];
    tag.copy_from_slice(&full[..HMAC_TAG_LEN]);
    tag
}

fn cm_verify(mac: &Hmac<Sha1>, data: &[u8], suffix: &[u8], tag: &[u8]) -> Result<(), SrtpError> {
    let mut mac = mac.clone();
    mac.update(data);
    mac.update(suffix);
    mac.verify_truncated_left(tag)
        .map_err(|_| SrtpError::Authentication)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unhex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    /// RFC 7714 §16 and §17 give session keys, not master keys.
    fn gcm() -> Cipher {
        let key = unhex("000102030405060708090a0b0c0d0e0f");
        let salt = unhex("517569642070726f2071756f").try_into().unwrap();
        Cipher::Gcm {
            key: Box::new(LessSafeKey::new(
                UnboundKey::new(&AES_128_GCM, &key).unwrap(),
            )),
            salt,
        }
    }

    const RTP: &str = "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976
                       69736120 696e2070 61727465 73207472 6573";
    const SRTP: &str = "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5
                        0d294e6f 42a5f47a 51c7d19b 36de3adf 8833 899d7f27 beb16a91 52cf765e e4390cce";
    const RTCP: &str = "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
                        deadbeef deadbeef deadbeef deadbeef deadbeef";
    const SRTCP: &str = "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1
                         730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4";
    const SRTCP_PLAIN: &str = "841dd968 3dd78ec9 2ae58790 125f62b3 000005d4";

    #[test]
    fn rtp_matches_rfc_7714_section_16_1() {
        let mut packet = unhex(RTP);
        let len = packet.len();
        packet.resize(len + 16, 0);
        gcm().seal_rtp(&mut packet, 12, len, 0xf17b).unwrap();
        assert_eq!(packet, unhex(SRTP));
        gcm().open_rtp(&mut packet, 12, len, 0xf17b).unwrap();
        assert_eq!(packet[..len], unhex(RTP));
    }

    #[test]
    fn rtcp_matches_rfc_7714_section_17_1() {
        let mut packet = unhex(RTCP);
        let len = packet.len();
        gcm().seal_rtcp(&mut packet, 0x5d4).unwrap();
        assert_eq!(packet, unhex(SRTCP));
        let trailer = gcm().rtcp_trailer(&packet, len).unwrap();
        gcm().open_rtcp(&mut packet, len, trailer).unwrap();
        assert_eq!(packet[..len], unhex(RTCP));
    }

    #[test]
    fn tagged_but_unencrypted_rtcp_matches_rfc_7714_section_17_3() {
        let mut packet = [unhex(RTCP), unhex(SRTCP_PLAIN)].concat();
        let len = packet.len() - 20;
        let trailer = gcm().rtcp_trailer(&packet, len).unwrap();
        assert_eq!(trailer, [0, 0, 5, 0xd4]);
        gcm().open_rtcp(&mut packet, len, trailer).unwrap();
        assert_eq!(packet[..len], unhex(RTCP));
        packet[20] ^= 1;
        assert_eq!(
            gcm().open_rtcp(&mut packet, len, trailer),
            Err(SrtpError::Authentication)
        );
    }

    /// RFC 3711 appendix B.2: the keystream of counter blocks 0, 1 and 0xfeff..0xff01 with SSRC and index zero.
    #[test]
    fn the_keystream_matches_rfc_3711_appendix_b2() {
        let cipher = Aes128::new(&Array(
            unhex("2B7E151628AED2A6ABF7158809CF4F3C")
                .try_into()
                .unwrap(),
        ));
        let salt = unhex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD").try_into().unwrap();
        let mut stream = vec![0; 16 * 0xff02];
        cm_apply(&cipher, &salt, [0; 4], 0, &mut stream);
        assert_eq!(
            stream[..32],
            unhex("E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB")
        );
        let tail = "EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE 6A2CC3787889374FBEB4C81B17BA6C44";
        assert_eq!(stream[16 * 0xfeff..], unhex(tail));
    }
}
