//! ICE, DTLS and one UDP socket by str0m, for publisher and viewers; the offer they make.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::crypto::dtls::DtlsCert;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc};

use crate::Failure;

/// So that the scheduling of the one reading thread costs no packet.
const RECEIVE_BUFFER: usize = 2 << 20;
/// str0m's own reports would call the packets it is not shown lost.
const NEVER: Duration = Duration::from_secs(24 * 3600);

/// What all agents of a run share.
#[derive(Clone)]
pub struct Identity {
    /// Where sockets are bound: a local address from which the server is reached.
    pub bind: IpAddr,
    /// One certificate for all: making one each would be most of a join's cost here.
    pub certificate: DtlsCert,
}

/// An offer on its way to the server.
pub struct Offering {
    /// What to POST.
    pub sdp: String,
    /// The offered descriptions, in the order of the kinds.
    pub mids: Vec<Mid>,
    rtc: Rtc,
    socket: UdpSocket,
    pending: SdpPendingOffer,
}

impl Offering {
    /// Offers `kinds` in one direction: H264, and for viewers VP8, with Opus.
    pub fn new(
        identity: &Identity,
        kinds: &[MediaKind],
        direction: Direction,
    ) -> Result<Self, Failure> {
        let socket = UdpSocket::bind((identity.bind, 0))?;
        let is_viewer = direction == Direction::RecvOnly;
        let mut builder = Rtc::builder()
            .set_rtp_mode(true)
            .set_dtls_cert(identity.certificate.clone())
            .clear_codecs()
            .enable_h264(true)
            .enable_vp8(is_viewer)
            .enable_opus(true, false);
        if is_viewer {
            builder = builder
                .set_rtcp_report_interval_audio(NEVER)
                .set_rtcp_report_interval_video(NEVER);
        }
        let mut rtc = builder.build(Instant::now());
        rtc.add_local_candidate(Candidate::host(socket.local_addr()?, "udp")?);
        let mut change = rtc.sdp_api();
        let mids = kinds
            .iter()
            .map(|kind| change.add_media(*kind, direction, None, None, None))
            .collect();
        let (offer, pending) = change.apply().ok_or("nothing to offer")?;
        Ok(Self {
            sdp: offer.to_sdp_string(),
            mids,
            rtc,
            socket,
            pending,
        })
    }

    /// Applies the answer, cut down to one candidate, and connects the socket to that.
    pub fn accept(self, answer: &str) -> Result<Agent, Failure> {
        let Self {
            mut rtc,
            socket,
            pending,
            ..
        } = self;
        let local = socket.local_addr()?;
        let remote = choose(answer, local.ip()).ok_or("the answer has no candidate for us")?;
        let kept: Vec<&str> = answer
            .lines()
            .filter(|line| !line.starts_with("a=candidate:") || udp_candidate(line) == Some(remote))
            .collect();
        let answer = SdpAnswer::from_sdp_string(&(kept.join("\r\n") + "\r\n"))?;
        rtc.sdp_api().accept_answer(pending, answer)?;
        socket.set_nonblocking(true)?;
        socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER)?;
        socket.connect(remote)?;
        let mut agent = Agent {
            rtc,
            socket,
            next: Instant::now(),
            connected: false,
            local,
            remote,
        };
        agent.drive(Instant::now(), |_| ())?;
        Ok(agent)
    }
}

/// An agent that knows its peer.
pub struct Agent {
    /// The foreign implementation.
    pub rtc: Rtc,
    /// Its socket, connected.
    pub socket: UdpSocket,
    /// When it wants to be driven next.
    pub next: Instant,
    /// DTLS is done.
    pub connected: bool,
    local: SocketAddr,
    remote: SocketAddr,
}

impl Agent {
    /// Hands a datagram to str0m.
    pub fn receive(&mut self, now: Instant, datagram: &[u8]) -> Result<(), Failure> {
        // What str0m cannot read is its peer's fault and shows as loss.
        if let Ok(received) = Receive::new(Protocol::Udp, self.remote, self.local, datagram) {
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
                Output::Transmit(datagram) => self.send(&datagram.contents),
                Output::Event(event) => {
                    self.connected |= matches!(event, Event::Connected);
                    on_event(&event);
                }
            }
        }
    }

    /// Sends a datagram; what the kernel refuses shows as loss.
    pub fn send(&self, datagram: &[u8]) {
        drop(self.socket.send(datagram));
    }
}

/// The server's candidate on our own address if there is one (loopback), else its first of our family.
fn choose(answer: &str, local: IpAddr) -> Option<SocketAddr> {
    let candidates = || answer.lines().filter_map(udp_candidate);
    candidates()
        .find(|candidate| candidate.ip() == local)
        .or_else(|| {
            candidates().find(|candidate| {
                candidate.is_ipv4() == local.is_ipv4()
                    && candidate.ip().is_loopback() == local.is_loopback()
            })
        })
}

fn udp_candidate(line: &str) -> Option<SocketAddr> {
    let fields: Vec<&str> = line.strip_prefix("a=candidate:")?.split(' ').collect();
    match fields[..] {
        [_, _, protocol, _, host, port, ..] if protocol.eq_ignore_ascii_case("udp") => {
            Some(SocketAddr::new(host.parse().ok()?, port.parse().ok()?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_candidate_of_our_own_network_is_taken() {
        let answer = "a=candidate:1 1 udp 9 192.0.2.1 8001 typ host\r\n\
                      a=candidate:2 1 tcp 9 127.0.0.1 8001 typ host\r\n\
                      a=candidate:3 1 UDP 9 127.0.0.1 8001 typ host\r\n\
                      a=candidate:4 1 udp 9 ::1 8001 typ host\r\na=candidate:5 1 udp";
        let chosen = |local: &str| choose(answer, local.parse().unwrap());
        assert_eq!(chosen("127.0.0.1"), Some("127.0.0.1:8001".parse().unwrap()));
        assert_eq!(
            chosen("192.0.2.77"),
            Some("192.0.2.1:8001".parse().unwrap())
        );
        assert_eq!(chosen("::1"), Some("[::1]:8001".parse().unwrap()));
        assert_eq!(chosen("2001:db8::1"), None);
    }
}
