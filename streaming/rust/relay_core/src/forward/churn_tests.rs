//! Nothing of a session stays behind when it has gone, however many come and go.

use std::net::SocketAddr;

use super::egress::SocketIndex;
use super::*;
use crate::stun::{self, IceRole, RequestParts};

struct Nowhere;

impl Egress for Nowhere {
    fn datagram(&mut self, _: SocketIndex, _: SocketAddr, write: impl FnOnce(&mut [u8]) -> usize) {
        write(&mut [0; DATAGRAM_CAPACITY]);
    }

    fn event(&mut self, _: Event) {}

    fn feed(&mut self, _: FeedItem) {}
}

fn check(ufrag: &str) -> Vec<u8> {
    let parts = RequestParts {
        remote_ufrag: ufrag,
        local_ufrag: "them",
        priority: 1,
        use_candidate: true,
        role: IceRole::Controlling(1),
    };
    let mut request = vec![0; 256];
    let len = stun::write_request(&mut request, &[7; 12], &parts, b"password").expect("room");
    request.truncate(len);
    request
}

fn publication() -> PublicationSpec {
    PublicationSpec {
        kind: MediaKind::Audio,
        codec: Codec::Opus,
        mid: "0".into(),
        clock_rate: 48_000,
        payload_types: vec![(111, PayloadRole::Media)],
        ssrc: vec![1],
        rtx_ssrc: vec![],
        mid_ext: None,
        rids: Box::default(),
        rid_ext: None,
        repaired_rid_ext: None,
        audio_level_ext: None,
        send_time_ext: None,
        nack: false,
        pli: false,
        remb: false,
        source: "microphone".into(),
    }
}

#[test]
fn every_table_is_empty_when_the_last_session_has_gone() {
    let mut relay = Relay::new(Config::new(1, 0, 1), 0);
    let mut run = |command| relay.command(0, command, &mut Nowhere);
    let slot = Slot::from_name("A0").expect("a slot");
    for number in 1..=50 {
        let (session, room) = (SessionId(number), format!("room{}", number % 3));
        run(Command::AddSession {
            session,
            room: room.clone(),
            ufrag: format!("first{number}"),
            pwd: "password".into(),
        });
        run(Command::RestartIce(
            session,
            format!("second{number}"),
            "password".into(),
        ));
        run(Command::RestartIce(
            session,
            format!("third{number}"),
            "password".into(),
        ));
        run(Command::Publish(
            session,
            PublicationId(number),
            publication(),
        ));
        run(Command::Subscribe(session, vec![]));
        run(Command::SetSlot(
            room.clone(),
            slot,
            Some(PublicationId(number)),
        ));
        run(Command::SetRecording(room, Some("recording".into())));
    }
    for number in 1..=50u16 {
        for (port, ufrag) in [(1000, "second"), (2000, "third")] {
            let path = (0, SocketAddr::from(([127, 0, 0, 1], port + number)));
            let mut request = check(&format!("{ufrag}{number}"));
            relay.datagram(0, path, &mut request, &mut Nowhere);
        }
    }
    assert_eq!(relay.dropped, DropCounters::default());
    assert_eq!((relay.peers.len(), relay.addresses.len()), (50, 100));
    assert_eq!(
        relay.ufrags.len(),
        50,
        "old credentials go with the first use of the new ones"
    );
    for number in 1..=50 {
        relay.command(0, Command::CloseSession(SessionId(number)), &mut Nowhere);
    }
    for room in 0..4 {
        let room = format!("room{room}");
        relay.command(0, Command::SetSlot(room.clone(), slot, None), &mut Nowhere);
        relay.command(0, Command::SetRecording(room, None), &mut Nowhere);
    }
    relay.end_batch(0, &mut Nowhere);
    assert!(relay.peers.is_empty() && relay.ufrags.is_empty() && relay.addresses.is_empty());
    assert!(relay.publications.is_empty() && relay.rooms.is_empty());
}
