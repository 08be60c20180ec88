//! What everybody on the network may notice of a relay, whatever was done to it.

use std::collections::HashMap;

use relay_core::error::SrtpError;
use relay_core::rtcp;

use crate::world::{Client, World};

/// Opens everything that was sent, as its receiver does.
#[derive(Default)]
pub struct Listener {
    sealed: HashMap<(u64, u32, u16), Vec<u8>>,
}

impl Listener {
    /// Takes what was sent to these clients; those named `outsiders` must not get any media.
    pub fn hear(&mut self, world: &mut World, clients: &mut [Client], outsiders: &[u64]) {
        for (to, bytes) in std::mem::take(&mut world.sent.datagrams) {
            let Some(client) = clients.iter_mut().find(|client| client.address == to) else {
                assert!(bytes[0] < 4, "only checks are answered elsewhere");
                continue;
            };
            match bytes[0] {
                0..=3 => {}
                20..=63 => panic!("DTLS nobody asked for"),
                _ if (192..=223).contains(&bytes[1]) => hear_rtcp(client, bytes),
                _ => {
                    assert!(
                        !outsiders.contains(&client.session.0),
                        "media of another room"
                    );
                    self.hear_rtp(client, bytes);
                }
            }
        }
        world.sent.events.clear();
        world.sent.fed.clear();
    }

    fn hear_rtp(&mut self, client: &mut Client, bytes: Vec<u8>) {
        let mut plain = bytes.clone();
        let sequence = u16::from_be_bytes([bytes[2], bytes[3]]);
        let ssrc = u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
        let key = (client.session.0, ssrc, sequence);
        match client.receiving.unprotect_rtp(&mut plain) {
            Ok(_) => drop(self.sealed.insert(key, bytes)),
            // The same bytes again harm nobody; other bytes under one index would give away the key stream (RFC 7714 §8.1).
            Err(SrtpError::Replayed) => assert_eq!(self.sealed.get(&key), Some(&bytes)),
            Err(SrtpError::TooOld) => {}
            Err(error) => panic!("a receiver cannot open what it was sent: {error}"),
        }
    }
}

fn hear_rtcp(client: &mut Client, mut bytes: Vec<u8>) {
    let len = client
        .receiving
        .unprotect_rtcp(&mut bytes)
        .expect("a receiver can open the reports it is sent");
    assert!(
        rtcp::parts(&bytes[..len]).all(|part| part.is_ok()),
        "our reports are well-formed"
    );
}
