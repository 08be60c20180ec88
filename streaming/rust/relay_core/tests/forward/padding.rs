//! Packets of a frame made equal in size: what viewers decrypt is the same, what the network carries is one size.

use relay_core::forward::{Command, Config, Relay, SECOND};

use super::world::{Client, FIRST, World, output};

const KEY: (u64, u32) = (FIRST, 3000);

fn padding_world() -> World {
    let mut world = World::new();
    let mut config = Config::new(2_500_000, 1_790_000_000 * SECOND, 7);
    config.is_padding = true;
    world.relay = Relay::new(config, world.now);
    world
}

fn publish(world: &mut World, publisher: &mut Client, captured: (u64, u32), filler: usize) {
    world.filler = filler;
    world.publish_at(publisher, captured, captured == KEY);
}

/// The datagrams of media for a client, and no others any more.
fn media_of(world: &mut World, client: &Client) -> Vec<Vec<u8>> {
    let sent = std::mem::take(&mut world.sent.datagrams);
    let media = sent.into_iter().filter(|(to, bytes)| {
        *to == client.address && bytes[0] >= 128 && !(192..=223).contains(&bytes[1])
    });
    media.map(|(_, bytes)| bytes).collect()
}

#[test]
fn a_frame_leaves_in_one_size_and_is_what_it_was() {
    let mut world = padding_world();
    let mut publisher = world.publisher(1, "room");
    world.show("room", 1);
    let mut viewer = world.viewer(2, "room");
    let fillers = [800, 800, 800, 801, 801, 801];
    for (number, filler) in (FIRST..).zip(fillers) {
        publish(&mut world, &mut publisher, (number, KEY.1), filler);
    }
    world.end_batch();
    let datagrams = media_of(&mut world, &viewer);
    let length = datagrams[0].len();
    assert_eq!(
        datagrams.iter().map(Vec::len).collect::<Vec<_>>(),
        [length; 6]
    );
    for (mut bytes, filler) in datagrams.into_iter().zip(fillers) {
        let plain = viewer.receiving.unprotect_rtp(&mut bytes).unwrap();
        assert_eq!(plain.header.payload().len(), 18 + filler);
    }
}

#[test]
fn a_packet_resent_without_rtx_has_the_very_same_bytes() {
    let mut world = padding_world();
    let mut publisher = world.publisher(1, "room");
    world.show("room", 1);
    let mut viewer = world.connect(2, "room");
    let mut spec = output();
    spec.rtx_ssrc = None;
    world.command(Command::Subscribe(viewer.session, vec![spec]));
    publish(&mut world, &mut publisher, KEY, 0);
    world.end_batch();
    let frame = |offset: u64| (FIRST + offset, 6000);
    publish(&mut world, &mut publisher, frame(1), 900);
    publish(&mut world, &mut publisher, frame(3), 901);
    world.end_batch();
    let mut sent = media_of(&mut world, &viewer);
    let first = u16::from_be_bytes([sent[0][2], sent[0][3]]);
    publish(&mut world, &mut publisher, frame(2), 890);
    // Asked for while its batch is not sent yet: it must not leave before its size is decided.
    world.nack(&mut viewer, &[first + 2]);
    publish(&mut world, &mut publisher, frame(4), 910);
    assert!(media_of(&mut world, &viewer).is_empty());
    world.end_batch();
    sent.extend(media_of(&mut world, &viewer));
    assert_eq!(sent.len(), 5, "each once");
    world.now += SECOND / 2;
    world.nack(&mut viewer, &[0, 1, 2, 3, 4].map(|offset| first + offset));
    let again = media_of(&mut world, &viewer);
    assert_eq!(again.len(), 5);
    for datagram in &again {
        assert!(sent.contains(datagram), "the very same bytes");
    }
}
