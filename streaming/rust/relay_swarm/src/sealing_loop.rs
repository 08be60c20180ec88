//! "The loop": the limit of a packet-by-packet relay. Seal 1100 bytes with AES-128-GCM, one `sendto` each, to sockets
//! that a thread pinned to the other core reads by epoll, without UDP_GRO. Unread sockets would make it look cheaper.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::Failure;
use crate::arguments::Arguments;
use crate::json::Object;
use crate::media::PAYLOAD_LEN;
use crate::system::{Batch, Epoll, pin_to_core, thread_cpu_nanos};

const HEADER_LEN: usize = 12;
const TAG_LEN: usize = 16;
/// What one socket may hold unread, so that the reader's scheduling costs no packet.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Runs it and reports CPU microseconds a packet of the sending thread.
pub fn run(arguments: &Arguments) -> Result<String, Failure> {
    let receivers: usize = arguments.optional("receivers")?.unwrap_or(50);
    let packets: u64 = arguments.optional("packets")?.unwrap_or(500_000);
    let core = arguments.optional("core")?.unwrap_or(0);
    let reader_core = arguments.optional("reader-core")?.unwrap_or(1);

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
    let (seal_only, _) = seal_and_send(packets / 5, &[])?;
    let (both, sent) = seal_and_send(packets, &addresses)?;
    thread::sleep(Duration::from_millis(200));
    stop.store(true, Ordering::Relaxed);
    reader.join().map_err(|_| "the reader panicked")??;
    let received = received.load(Ordering::Relaxed);
    Ok(Object::new()
        .put_float("us_per_packet", both)
        .put_float("seal_us", seal_only)
        .put("receivers", receivers)
        .put("packets", sent)
        .put("unread", sent.saturating_sub(received))
        .finish())
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
            while batch.receive(&sockets[*token])? {
                received.fetch_add(batch.datagrams().count() as u64, Ordering::Relaxed);
            }
        }
    }
    Ok(())
}

/// CPU microseconds a packet, and packets sent; seals only when there are no addresses.
fn seal_and_send(packets: u64, addresses: &[SocketAddr]) -> Result<(f64, u64), Failure> {
    let key =
        LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &[7; 16]).map_err(|_| "aes key refused")?);
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let mut packet = [0u8; HEADER_LEN + PAYLOAD_LEN + TAG_LEN];
    packet[0] = 0x80;
    let before = thread_cpu_nanos();
    for number in 0..packets {
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
        if !addresses.is_empty() {
            socket.send_to(&packet, addresses[number as usize % addresses.len()])?;
        }
    }
    Ok((
        (thread_cpu_nanos() - before) as f64 / 1000.0 / packets as f64,
        packets,
    ))
}
