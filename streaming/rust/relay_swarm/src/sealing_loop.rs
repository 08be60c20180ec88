//! "The loop": the limit of a packet-by-packet relay. Seal 1100 bytes with AES-128-GCM, one `sendto` each, to sockets
//! that a thread pinned to the other core reads by epoll, without UDP_GRO. Unread sockets would make it look cheaper.
//! With `--gso yes` the second limit: nine sealed packets to one socket leave as one UDP GSO call, with the same readers.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde_json::{Value, json};

use crate::Failure;
use crate::arguments::Arguments;
use crate::media::{PACKETS_PER_FRAME, PAYLOAD_LEN};
use crate::system::{Batch, Epoll, pin_to_core, send_segmented, thread_cpu_nanos};

const HEADER_LEN: usize = 12;
const TAG_LEN: usize = 16;
const PACKET_LEN: usize = HEADER_LEN + PAYLOAD_LEN + TAG_LEN;
/// What one socket may hold unread, so that the reader's scheduling costs no packet.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Where sealed packets go.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Nowhere,
    OneByOne,
    Segmented,
}

/// Runs it and reports CPU microseconds a packet of the sending thread.
pub fn run(arguments: &Arguments) -> Result<Value, Failure> {
    let receivers: usize = arguments.optional("receivers")?.unwrap_or(50);
    let packets: u64 = arguments.optional("packets")?.unwrap_or(500_000);
    let core = arguments.optional("core")?.unwrap_or(0);
    let reader_core = arguments.optional("reader-core")?.unwrap_or(1);
    let way = if arguments.is_yes("gso")? {
        Way::Segmented
    } else {
        Way::OneByOne
    };

    let sockets = bind_receivers(receivers)?;
    let addresses: Vec<SocketAddr> = sockets
        .iter()
        .map(UdpSocket::local_addr)
        .collect::<Result<_, _>>()?;
    let (stop, received) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let reader = {
        let (stop, received) = (stop.clone(), received.clone());
        thread::spawn(move || {
            read_all(&sockets, reader_core, &stop, &received).map_err(|error| error.to_string())
        })
    };
    pin_to_core(core)?;
    let seal_only = seal_and_send(packets / 5, &addresses, Way::Nowhere)?;
    let both = seal_and_send(packets, &addresses, way)?;
    thread::sleep(Duration::from_millis(200));
    stop.store(true, Ordering::Relaxed);
    reader.join().map_err(|_| "the reader panicked")??;
    let sent = packets / PACKETS_PER_FRAME as u64 * PACKETS_PER_FRAME as u64;
    Ok(json!({
        "us_per_packet": both,
        "seal_us": seal_only,
        "gso": way == Way::Segmented,
        "receivers": receivers,
        "packets": sent,
        "unread": sent.saturating_sub(received.load(Ordering::Relaxed)),
    }))
}

fn bind_receivers(count: usize) -> Result<Vec<UdpSocket>, Failure> {
    (0..count)
        .map(|_| {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            socket.set_nonblocking(true)?;
            socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER)?;
            Ok(socket)
        })
        .collect()
}

fn read_all(
    sockets: &[UdpSocket],
    core: usize,
    stop: &AtomicBool,
    received: &AtomicU64,
) -> Result<(), Failure> {
    pin_to_core(core)?;
    let mut epoll = Epoll::new()?;
    for (token, socket) in sockets.iter().enumerate() {
        epoll.add(socket, token)?;
    }
    let (mut batch, mut ready) = (Batch::new(), Vec::new());
    while !stop.load(Ordering::Relaxed) {
        ready.clear();
        epoll.wait(Duration::from_millis(20), &mut ready)?;
        for token in &ready {
            let mut may_have_more = true;
            while may_have_more {
                may_have_more = batch.receive(&sockets[*token])?;
                received.fetch_add(batch.len() as u64, Ordering::Relaxed);
            }
        }
    }
    Ok(())
}

/// CPU microseconds a packet: sealed packets go to the addresses by turns, each its own, or nine in one call.
fn seal_and_send(packets: u64, addresses: &[SocketAddr], way: Way) -> Result<f64, Failure> {
    let key =
        LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &[7; 16]).map_err(|_| "aes key refused")?);
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let mut frame = vec![0u8; PACKET_LEN * PACKETS_PER_FRAME];
    let frames = packets as usize / PACKETS_PER_FRAME;
    let before = thread_cpu_nanos();
    for turn in 0..frames {
        for (at, packet) in frame.chunks_exact_mut(PACKET_LEN).enumerate() {
            let number = turn * PACKETS_PER_FRAME + at;
            seal(&key, packet, number as u64)?;
            if way == Way::OneByOne {
                socket.send_to(packet, addresses[number % addresses.len()])?;
            }
        }
        if way == Way::Segmented {
            let to = addresses[turn % addresses.len()];
            send_segmented(&socket, to, &frame, PACKET_LEN as u16)?;
        }
    }
    let sealed = (frames * PACKETS_PER_FRAME) as f64;
    Ok((thread_cpu_nanos() - before) as f64 / 1000.0 / sealed)
}

fn seal(key: &LessSafeKey, packet: &mut [u8], number: u64) -> Result<(), Failure> {
    packet[0] = 0x80;
    packet[4..HEADER_LEN].copy_from_slice(&number.to_be_bytes());
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    let (header, rest) = packet.split_at_mut(HEADER_LEN);
    let (payload, tag) = rest.split_at_mut(PAYLOAD_LEN);
    let sealed = key
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(&*header),
            payload,
        )
        .map_err(|_| "sealing failed")?;
    tag.copy_from_slice(sealed.as_ref());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_sending_bring_every_packet() {
        for way in [Way::OneByOne, Way::Segmented] {
            let sockets = bind_receivers(2).unwrap();
            let addresses: Vec<_> = sockets
                .iter()
                .map(|socket| socket.local_addr().unwrap())
                .collect();
            seal_and_send(36, &addresses, way).unwrap();
            let mut batch = Batch::new();
            for socket in &sockets {
                batch.receive(socket).unwrap();
                assert_eq!(batch.len(), 18);
                assert!(
                    batch
                        .datagrams()
                        .all(|datagram| datagram.len() == PACKET_LEN)
                );
            }
        }
    }
}
