//! What one worker hands to another: packets the network shaped, in whatever order the hand-over brings them.

use relay_core::forward::{Command, MILLISECOND, PublicationId, SessionId, Update};

use super::bytes::Bytes;
use super::listener::Listener;
use crate::world::{World, camera, program};

const MIRRORED: PublicationId = PublicationId(1);

/// Feeds a mirror; its viewer must be able to open everything, a viewer elsewhere hears nothing.
pub fn mirror_updates(data: &[u8]) {
    let mut world = World::worker(1, 2);
    world.command(Command::Mirror {
        publication: MIRRORED,
        session: SessionId(1),
        worker: 0,
        room: "room".into(),
        spec: camera(1),
    });
    let mut clients = [world.viewer(9, "room"), world.viewer(10, "elsewhere")];
    world.command(Command::SetSlot("room".into(), program(), Some(MIRRORED)));
    let (mut bytes, mut listener, mut next) = (Bytes(data), Listener::default(), 30_000);
    while step(&mut world, &mut clients[0], &mut bytes, &mut next).is_some() {
        world.sent.updates.clear();
        listener.hear(&mut world, &mut clients, &[10]);
    }
}

fn step(
    world: &mut World,
    viewer: &mut crate::world::Client,
    bytes: &mut Bytes<'_>,
    next: &mut u64,
) -> Option<()> {
    let choice = bytes.octet()?;
    let packet: Vec<u8>;
    let update = match choice & 7 {
        0..=2 => {
            *next = next.saturating_add_signed(i64::from(bytes.octet()? as i8));
            packet = packet_of(*next, choice, bytes);
            Update::Packet {
                publication: MIRRORED,
                sequence: *next,
                packet: &packet,
            }
        }
        3 => Update::Report {
            publication: MIRRORED,
            timestamp: u32::from(bytes.short()?) << 16,
            at: world
                .now
                .saturating_sub(u64::from(bytes.short()?) * MILLISECOND),
            compound: bytes.piece(),
        },
        4 if choice & 8 == 0 => Update::Restart(MIRRORED),
        4 => Update::Lost(MIRRORED),
        5 => Update::Keyframe(PublicationId(u64::from(choice >> 4))),
        6 => {
            world.now += u64::from(bytes.octet()?).pow(2) * MILLISECOND;
            world.relay.tick(world.now, &mut world.sent);
            return Some(());
        }
        _ => {
            world.end_batch();
            world.nack(viewer, &[bytes.short()?]);
            return Some(());
        }
    };
    world.relay.update(world.now, 0, update, &mut world.sent);
    Some(())
}

fn packet_of(number: u64, choice: u8, bytes: &mut Bytes<'_>) -> Vec<u8> {
    let mut packet = vec![0x80 | (choice & 0x30), 102];
    packet.extend_from_slice(&(number as u16).to_be_bytes());
    packet.extend_from_slice(&(number as u32).wrapping_mul(3000).to_be_bytes());
    packet.extend_from_slice(&[0, 0, 0, 1]);
    packet.extend_from_slice(bytes.piece());
    packet
}
