//! One WHIP or WHEP session as the engine sees it: ICE credentials, checked addresses, consent, SRTP contexts, outputs.
//!
//! Address rules of joints.md §5: the selected address moves only on an authenticated check. No parsing here.

use std::net::SocketAddr;
use std::sync::Arc;

use super::bandwidth::Bandwidth;
use super::capture_clock::SourceTime;
use super::command::SessionKeys;
use super::egress::SocketIndex;
use super::flood::{Bucket, UNPROVEN_FACTOR};
use super::inbound_rate::InboundRate;
use super::model::{MILLISECOND, Nanos, PublicationId, SessionId};
use super::output::Output;
use super::probing::Prober;
use crate::error::SrtpError;
use crate::rtp::{Header, extension};
use crate::srtp::SrtpContext;

/// Addresses a session may have checked from; a phone has a handful of interfaces.
const MAX_CHECKED: usize = 16;
/// A selected path without a check for so long is left for one that has them, nominated or not: a NAT gave the peer a new address.
/// Full agents check the selected pair every 5 s ± 20 % at the latest (RFC 7675 §5.1).
const PATH_SILENCE: Nanos = 3500 * MILLISECOND;

/// One ICE user name fragment and password of ours.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub ufrag: String,
    pub pwd: String,
}

/// Where a datagram came from: which socket, whose address.
pub(crate) type Path = (SocketIndex, SocketAddr);

/// Whether sending is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    /// No check yet.
    Never,
    /// Fresh.
    Given,
    /// Silent for the consent time-out.
    Lost,
    /// Reported as expired; Python is to close the session.
    Expired,
}

/// A session.
pub(crate) struct Peer {
    pub id: SessionId,
    pub room: Arc<str>,
    pub credentials: Credentials,
    pub previous: Option<Credentials>,
    pub selected: Option<Path>,
    pub checked: Vec<Path>,
    pub last_check: Nanos,
    /// The last check on the selected path.
    pub selected_check: Nanos,
    pub consent: Consent,
    pub keys: Option<SessionKeys>,
    pub sending: Option<SrtpContext>,
    pub receiving: Option<SrtpContext>,
    pub outputs: Vec<Output>,
    pub publications: Vec<PublicationId>,
    pub source_time: SourceTime,
    /// Of a publisher that says when it sent its packets: the id of that extension, and the estimate of its path.
    pub inbound: Option<(u8, Box<InboundRate>)>,
    /// Our SSRC in feedback to this peer.
    pub feedback_ssrc: u32,
    pub next_report: Nanos,
    pub report_round: u32,
    pub fir_sequence: u8,
    pub delivered_at: Option<Nanos>,
    pub rtt: Option<Nanos>,
    /// Packets resent since `resends_since`.
    pub resends: u32,
    pub resends_since: Nanos,
    pub loss: f64,
    pub bandwidth: Bandwidth,
    pub prober: Prober,
    /// Padding being sent, bits per second.
    pub padding_bps: u64,
    /// When layers are next chosen without an occasion.
    pub next_choice: Nanos,
    pub counters: PeerCounters,
    /// Authenticated checks it may send.
    pub checks: Bucket,
    /// Handshake packets it may send.
    pub handshake: Bucket,
    /// Octets it may be sent before it has keys.
    pub allowance: u64,
}

/// Counters for stats().
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PeerCounters {
    pub packets_out: u64,
    pub bytes_out: u64,
    pub nack: u64,
    pub rtx: u64,
    pub pli: u64,
    /// Octets of padding, in `bytes_out` too.
    pub padding: u64,
    /// Times a slot was left out until the next key frame, because there was more to send than could be sent.
    pub left_out: u64,
}

/// What a valid check changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CheckOutcome {
    pub selected: bool,
    pub regained: bool,
    /// There was consent, but no path: the selected one was closed.
    pub resumed: bool,
    /// An address that was forgotten to make room.
    pub evicted: Option<Path>,
}

impl Peer {
    pub fn new(
        id: SessionId,
        room: Arc<str>,
        credentials: Credentials,
        random: u64,
        now: Nanos,
    ) -> Self {
        Self {
            id,
            room,
            credentials,
            previous: None,
            selected: None,
            checked: Vec::new(),
            last_check: now,
            selected_check: now,
            consent: Consent::Never,
            keys: None,
            sending: None,
            receiving: None,
            outputs: Vec::new(),
            publications: Vec::new(),
            source_time: SourceTime::default(),
            inbound: None,
            feedback_ssrc: (random as u32).max(1),
            next_report: now,
            report_round: 0,
            fir_sequence: 0,
            delivered_at: None,
            rtt: None,
            resends: 0,
            resends_since: now,
            loss: 0.0,
            bandwidth: Bandwidth::default(),
            prober: Prober::default(),
            padding_bps: 0,
            next_choice: now,
            counters: PeerCounters::default(),
            checks: Bucket::default(),
            handshake: Bucket::default(),
            allowance: 0,
        }
    }

    /// An authentic packet came; one that says when it was sent tells how full the path is.
    pub fn measure(&mut self, packet: &[u8], header: &Header, most: u64, now: Nanos) {
        let Some((id, rate)) = &mut self.inbound else {
            return;
        };
        if let Some([high, middle, low]) = extension::find(packet, header, *id) {
            let sent = u32::from_be_bytes([0, *high, *middle, *low]);
            if rate.on_packet(sent, packet.len(), most, now) {
                self.next_report = now; // Less must be told at once.
            }
        }
    }

    /// Where to send, if sending is allowed.
    pub fn path(&self) -> Option<Path> {
        self.selected.filter(|_| self.consent == Consent::Given)
    }

    /// So many octets came from a path of its own.
    pub fn on_heard(&mut self, octets: usize) {
        self.allowance += UNPROVEN_FACTOR * octets as u64;
    }

    /// Whether so many octets of a handshake may be sent now: any, once it has proved by keys to receive them.
    pub fn may_be_sent(&mut self, octets: usize) -> bool {
        let rest = self.allowance.checked_sub(octets as u64);
        self.allowance = rest.unwrap_or(self.allowance);
        rest.is_some() || self.keys.is_some()
    }

    /// An authenticated check came from `path`.
    pub fn on_check(&mut self, path: Path, use_candidate: bool, now: Nanos) -> CheckOutcome {
        let regained = matches!(self.consent, Consent::Lost | Consent::Expired);
        let mut evicted = None;
        if !self.checked.contains(&path) {
            if self.checked.len() == MAX_CHECKED {
                let victim = self
                    .checked
                    .iter()
                    .position(|known| Some(*known) != self.selected)
                    .unwrap_or(0);
                evicted = Some(self.checked.remove(victim));
            }
            self.checked.push(path);
        }
        let resumed = self.selected.is_none() && self.consent == Consent::Given;
        let is_silent = now.saturating_sub(self.selected_check) >= PATH_SILENCE;
        let moves = use_candidate || self.selected.is_none() || regained || is_silent;
        let selected = moves && self.selected != Some(path);
        if moves {
            self.selected = Some(path);
        }
        if self.selected == Some(path) {
            self.selected_check = now;
        }
        self.last_check = now;
        self.consent = Consent::Given;
        CheckOutcome {
            selected,
            regained,
            resumed,
            evicted,
        }
    }

    /// Authenticated media of a publication came, which counts like a check: FFmpeg's WHIP muxer checks once and then
    /// only sends, and all it gets from us is feedback about that media. Returns whether consent came back.
    pub fn on_media(&mut self, now: Nanos) -> bool {
        self.last_check = now;
        let regained = matches!(self.consent, Consent::Lost | Consent::Expired);
        if regained {
            self.consent = Consent::Given;
        }
        regained
    }

    /// A path is gone; if it was the selected one, the next check selects.
    pub fn forget_path(&mut self, path: Path) {
        self.checked.retain(|known| *known != path);
        if self.selected == Some(path) {
            self.selected = None;
        }
    }

    /// Takes keys into use. The same keys again change nothing: starting their counters anew would repeat nonces.
    pub fn set_keys(&mut self, keys: SessionKeys) -> Result<bool, SrtpError> {
        let same = |known: &SessionKeys| {
            (known.profile, &known.local, &known.remote)
                == (keys.profile, &keys.local, &keys.remote)
        };
        if self.keys.as_ref().is_some_and(same) {
            return Ok(false);
        }
        self.sending = Some(SrtpContext::from_keying_material(
            keys.profile,
            &keys.local,
        )?);
        self.receiving = Some(SrtpContext::from_keying_material(
            keys.profile,
            &keys.remote,
        )?);
        self.keys = Some(keys);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::SECOND;
    use super::*;

    fn path(port: u16) -> Path {
        (0, SocketAddr::from(([127, 0, 0, 1], port)))
    }

    fn peer() -> Peer {
        let credentials = Credentials {
            ufrag: "u".into(),
            pwd: "p".into(),
        };
        Peer::new(SessionId(1), "room".into(), credentials, 1, 0)
    }

    #[test]
    fn the_first_valid_check_selects_and_only_a_nomination_moves() {
        let mut peer = peer();
        assert_eq!(peer.path(), None);
        assert!(peer.on_check(path(1), false, 1).selected);
        assert!(!peer.on_check(path(2), false, 2).selected);
        assert_eq!(peer.path(), Some(path(1)));
        assert!(peer.on_check(path(2), true, 3).selected);
        assert!(!peer.on_check(path(2), true, 4).selected);
        assert_eq!(peer.path(), Some(path(2)));
    }

    #[test]
    fn a_check_from_elsewhere_selects_once_the_selected_path_is_silent() {
        let mut peer = peer();
        peer.on_check(path(1), true, SECOND);
        peer.on_check(path(1), false, 2 * SECOND);
        assert!(
            !peer
                .on_check(path(2), false, 2 * SECOND + PATH_SILENCE - 1)
                .selected
        );
        assert!(
            peer.on_check(path(2), false, 2 * SECOND + PATH_SILENCE)
                .selected
        );
        assert!(!peer.on_check(path(1), false, 6 * SECOND).selected);
    }

    #[test]
    fn a_closed_path_is_not_sent_to_and_the_next_check_selects() {
        let mut peer = peer();
        peer.on_check(path(1), true, 1);
        peer.forget_path(path(2));
        assert_eq!(peer.path(), Some(path(1)));
        peer.forget_path(path(1));
        assert_eq!((peer.path(), peer.checked.len()), (None, 0));
        let outcome = peer.on_check(path(2), false, 2);
        assert!(outcome.selected && outcome.resumed && !outcome.regained);
    }

    #[test]
    fn any_valid_check_selects_after_consent_was_lost() {
        let mut peer = peer();
        peer.on_check(path(1), true, 1);
        peer.consent = Consent::Lost;
        assert_eq!(peer.path(), None);
        let outcome = peer.on_check(path(2), false, 2);
        assert!(outcome.regained && outcome.selected);
        assert_eq!(peer.path(), Some(path(2)));
    }

    #[test]
    fn checked_addresses_are_bounded_and_the_selected_one_stays() {
        let mut peer = peer();
        peer.on_check(path(1), true, 0);
        let evicted = (2..40)
            .filter_map(|port| peer.on_check(path(port), false, 0).evicted)
            .count();
        assert_eq!(peer.checked.len(), MAX_CHECKED);
        assert_eq!(evicted, 38 + 1 - MAX_CHECKED);
        assert!(peer.checked.contains(&path(1)));
    }
}
