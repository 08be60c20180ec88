//! One WHEP viewer: str0m for ICE, DTLS and RTCP; RTP is counted from its clear header and every 64th packet goes through str0m.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc};

use crate::Failure;
use crate::media;
use crate::system::{Batch, monotonic_nanos};

/// Of how many RTP packets one is authenticated and decrypted.
pub const SAMPLE_EVERY: u64 = 64;
const RECEIVE_BUFFER: usize = 2 << 20;

/// An offer on its way.
pub struct Offered {
    /// What to POST.
    pub sdp: String,
    /// What the answer is applied to.
    pub pending: SdpPendingOffer,
}

/// A str0m agent with H264 and Opus that offers `kinds` in one direction from `socket`.
pub fn offer(
    socket: &UdpSocket,
    kinds: &[MediaKind],
    direction: Direction,
) -> Result<(Rtc, Offered, Vec<Mid>), Failure> {
    let builder = Rtc::builder()
        .set_rtp_mode(true)
        .clear_codecs()
        .enable_h264(true)
        .enable_opus(true, false);
    let mut rtc = builder.build(Instant::now());
    rtc.add_local_candidate(Candidate::host(socket.local_addr()?, "udp")?);
    let mut change = rtc.sdp_api();
    let mids = kinds
        .iter()
        .map(|kind| change.add_media(*kind, direction, None, None, None))
        .collect();
    let (offer, pending) = change.apply().ok_or("nothing to offer")?;
    Ok((
        rtc,
        Offered {
            sdp: offer.to_sdp_string(),
            pending,
        },
        mids,
    ))
}

/// ICE, DTLS and a connected socket; used by publisher and viewers.
pub struct Agent {
    /// The foreign implementation.
    pub rtc: Rtc,
    /// Its socket.
    pub socket: UdpSocket,
    /// When it wants to be driven next.
    pub next: Instant,
    /// DTLS is done.
    pub connected: bool,
    local: SocketAddr,
    remote: Option<SocketAddr>,
}

impl Agent {
    /// An agent before its answer.
    pub fn new(rtc: Rtc, socket: UdpSocket) -> Self {
        let local = socket
            .local_addr()
            .unwrap_or_else(|_| SocketAddr::from(([127, 0, 0, 1], 0)));
        Self {
            rtc,
            socket,
            next: Instant::now(),
            connected: false,
            local,
            remote: None,
        }
    }

    /// Applies the answer, cut down to its candidate on 127.0.0.1, and connects the socket to that.
    pub fn accept(&mut self, pending: SdpPendingOffer, answer: &str) -> Result<(), Failure> {
        let remote = answer
            .lines()
            .find_map(loopback_candidate)
            .ok_or("the answer has no candidate on 127.0.0.1")?;
        let kept: Vec<&str> = answer
            .lines()
            .filter(|line| {
                !line.starts_with("a=candidate:") || loopback_candidate(line) == Some(remote)
            })
            .collect();
        let answer = SdpAnswer::from_sdp_string(&(kept.join("\r\n") + "\r\n"))?;
        self.rtc.sdp_api().accept_answer(pending, answer)?;
        self.socket.set_nonblocking(true)?;
        socket2::SockRef::from(&self.socket).set_recv_buffer_size(RECEIVE_BUFFER)?;
        self.socket.connect(remote)?;
        self.remote = Some(remote);
        self.drive(Instant::now(), |_| ())
    }

    /// Hands a datagram to str0m.
    pub fn receive(&mut self, now: Instant, datagram: &[u8]) -> Result<(), Failure> {
        let Some(source) = self.remote else {
            return Ok(());
        };
        // What str0m cannot read is its peer's fault and shows as loss.
        if let Ok(received) = Receive::new(Protocol::Udp, source, self.local, datagram) {
            self.rtc.handle_input(Input::Receive(now, received))?;
        }
        Ok(())
    }

    /// Advances timers, sends what is to be sent, reports events.
    pub fn drive(&mut self, now: Instant, mut on_event: impl FnMut(&Event)) -> Result<(), Failure> {
        if now >= self.next {
            self.rtc.handle_input(Input::Timeout(now))?;
        }
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(next) => {
                    self.next = next;
                    return Ok(());
                }
                Output::Transmit(datagram) => drop(self.socket.send(&datagram.contents)),
                Output::Event(event) => {
                    self.connected |= matches!(event, Event::Connected);
                    on_event(&event);
                }
            }
        }
    }
}

fn loopback_candidate(line: &str) -> Option<SocketAddr> {
    let fields: Vec<&str> = line.strip_prefix("a=candidate:")?.split(' ').collect();
    match fields[..] {
        [_, _, protocol, _, host @ "127.0.0.1", port, ..]
            if protocol.eq_ignore_ascii_case("udp") =>
        {
            format!("{host}:{port}").parse().ok()
        }
        _ => None,
    }
}

/// Sequence numbers of one SSRC.
#[derive(Clone, Copy)]
struct Count {
    first: u64,
    highest: u64,
    received: u64,
}

impl Count {
    fn from(sequence: u16) -> Self {
        let first = u64::from(sequence) + 0x1_0000;
        Self {
            first,
            highest: first,
            received: 0,
        }
    }

    fn note(&mut self, sequence: u16) {
        let delta = sequence.wrapping_sub(self.highest as u16) as i16;
        self.highest = self
            .highest
            .max(self.highest.wrapping_add_signed(i64::from(delta)));
        self.received += 1;
    }

    fn missing(&self) -> u64 {
        (self.highest + 1 - self.first).saturating_sub(self.received)
    }
}

/// A viewer and what it saw.
pub struct Viewer {
    /// ICE, DTLS and the socket.
    pub agent: Agent,
    /// The resource to DELETE.
    pub resource: Option<String>,
    /// From POST to the first media packet.
    pub join: Option<Duration>,
    /// Sampled forwarding delays in µs.
    pub delays: Vec<f64>,
    started: Instant,
    counts: HashMap<u32, Count>,
    seen: u64,
    muted: Vec<u32>,
}

impl Viewer {
    /// A viewer whose POST began at `started`; `number` spreads the sampling.
    pub fn new(agent: Agent, resource: Option<String>, started: Instant, number: usize) -> Self {
        let seen = number as u64 % SAMPLE_EVERY;
        Self {
            agent,
            resource,
            join: None,
            delays: Vec::new(),
            started,
            counts: HashMap::new(),
            seen,
            muted: Vec::new(),
        }
    }

    /// Reads everything that waits.
    pub fn read(&mut self, now: Instant, batch: &mut Batch) -> Result<(), Failure> {
        while batch.receive(&self.agent.socket)? {
            let mut fed = false;
            for datagram in batch.datagrams() {
                if !is_rtp(datagram) || self.note(now, datagram) {
                    self.agent.receive(now, datagram)?;
                    fed = true;
                }
            }
            if fed {
                self.drive(now)?;
            }
        }
        Ok(())
    }

    /// Advances timers and takes sampled packets.
    pub fn drive(&mut self, now: Instant) -> Result<(), Failure> {
        let delays = &mut self.delays;
        self.agent.drive(now, |event| {
            if let Event::RtpPacket(packet) = event {
                let stamp = media::stamp(&packet.payload);
                delays.extend(
                    stamp.map(|stamp| monotonic_nanos().saturating_sub(stamp) as f64 / 1000.0),
                );
            }
        })?;
        // What is withheld from str0m is not lost, so it must not ask for it.
        for ssrc in &self.muted {
            if let Some(stream) = self.agent.rtc.direct_api().stream_rx(&(*ssrc).into()) {
                stream.suppress_nack(true);
            }
        }
        Ok(())
    }

    /// Counts an RTP packet; whether str0m shall see it.
    fn note(&mut self, now: Instant, packet: &[u8]) -> bool {
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let ssrc = u32::from_be_bytes([packet[8], packet[9], packet[10], packet[11]]);
        let started = self.started;
        self.join.get_or_insert_with(|| now - started);
        let muted = &mut self.muted;
        let count = self.counts.entry(ssrc).or_insert_with(|| {
            muted.push(ssrc);
            Count::from(sequence)
        });
        count.note(sequence);
        self.seen += 1;
        self.seen % SAMPLE_EVERY == 0
    }

    /// `(received, missing)` since the last reset, over all SSRCs. Retransmissions count as received.
    pub fn totals(&self) -> (u64, u64) {
        self.counts
            .values()
            .fold((0, 0), |(received, missing), count| {
                (received + count.received, missing + count.missing())
            })
    }

    /// Starts counting anew.
    pub fn reset(&mut self) {
        self.delays.clear();
        for count in self.counts.values_mut() {
            *count = Count {
                first: count.highest + 1,
                highest: count.highest,
                received: 0,
            };
        }
    }
}

fn is_rtp(datagram: &[u8]) -> bool {
    datagram.len() >= 12 && (128..192).contains(&datagram[0]) && !(192..224).contains(&datagram[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_is_missing_until_it_is_filled_also_over_the_wrap() {
        let mut count = Count::from(65_534);
        for sequence in [65_534, 1, 65_535] {
            count.note(sequence);
        }
        assert_eq!((count.received, count.missing()), (3, 1));
        count.note(0);
        assert_eq!(count.missing(), 0);
    }

    #[test]
    fn only_the_loopback_udp_candidate_is_taken() {
        let line = "a=candidate:1 1 udp 2130706431 127.0.0.1 8001 typ host";
        assert_eq!(
            loopback_candidate(line),
            Some("127.0.0.1:8001".parse().unwrap())
        );
        assert_eq!(
            loopback_candidate("a=candidate:1 1 udp 2130706431 192.0.2.1 8001 typ host"),
            None
        );
        assert_eq!(loopback_candidate("a=candidate:1 1 udp"), None);
        assert_eq!(loopback_candidate("a=candidate:1 1 udp 1 127.0.0.1"), None);
    }
}
