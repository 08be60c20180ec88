//! One WHEP viewer: str0m for ICE and DTLS; RTP is counted from its clear header, and every n-th packet goes through str0m.

use std::time::{Duration, Instant};

use str0m::Event;

use crate::Failure;
use crate::agent::Agent;
use crate::dtls_keys;
use crate::feedback::Feedback;
use crate::media;
use crate::random::Random;
use crate::system::{Batch, monotonic_nanos};
use crate::tally::{Counts, Medium, Tally};

/// A fresh viewer's first second is its own joining, not the delay of someone watching.
const SETTLED_AFTER: Duration = Duration::from_secs(1);

/// How a viewer listens.
#[derive(Clone, Copy)]
pub struct Manner {
    /// Of how many RTP packets one is authenticated and decrypted by str0m.
    pub sample_every: u64,
    /// Packets that make a frame of our publisher; 1 when somebody else publishes.
    pub least_packets_a_frame: usize,
    /// Share of media packets thrown away unseen, as a bad network would.
    pub drop_share: f64,
}

/// A viewer and what it saw.
pub struct Viewer {
    /// ICE, DTLS and the socket.
    pub agent: Agent,
    /// The resource to DELETE.
    pub resource: Option<String>,
    /// From POST to the first video packet; sound comes earlier, as it waits for no key frame.
    pub join: Option<Duration>,
    /// Sampled forwarding delays in µs, since the last reset.
    pub delays: Vec<f32>,
    /// Packets that str0m opened, since the last reset.
    pub opened: u64,
    /// When the POST began.
    pub started: Instant,
    manner: Manner,
    tally: Tally,
    before: Counts,
    feedback: Option<Feedback>,
    sender_ssrc: u32,
    chance: Random,
    seen: u64,
    muted: usize,
}

impl Viewer {
    /// A viewer whose POST began at `started`; `chance` sets its sender SSRC and spreads the sampling.
    pub fn new(
        agent: Agent,
        answer: &str,
        resource: Option<String>,
        started: Instant,
        manner: Manner,
        chance: u64,
    ) -> Self {
        Self {
            agent,
            resource,
            join: None,
            delays: Vec::new(),
            opened: 0,
            started,
            manner,
            tally: Tally::new(answer, manner.least_packets_a_frame),
            before: Counts::default(),
            feedback: None,
            sender_ssrc: chance as u32,
            chance: Random::new(chance),
            seen: (chance >> 32) % manner.sample_every,
            muted: 0,
        }
    }

    /// Reads what waits.
    pub fn read(&mut self, now: Instant, batch: &mut Batch) -> Result<(), Failure> {
        loop {
            let is_full = batch.receive(&self.agent.socket)?;
            let mut is_fed = false;
            for datagram in batch.datagrams() {
                if self.note(now, datagram) {
                    self.agent.receive(now, datagram)?;
                    // Driven at once: str0m takes one packet at a time.
                    self.drive(now)?;
                    is_fed = true;
                }
            }
            if !is_fed {
                self.give_feedback(now);
            }
            if !is_full {
                return Ok(());
            }
        }
    }

    /// Advances timers and takes sampled packets.
    pub fn drive(&mut self, now: Instant) -> Result<(), Failure> {
        let is_settled = self.join.is_some() && now >= self.started + SETTLED_AFTER;
        let was_connected = self.agent.connected;
        let Self {
            agent,
            delays,
            opened,
            tally,
            ..
        } = self;
        agent.drive(now, |event| {
            if let Event::RtpPacket(packet) = event {
                *opened += 1;
                tally.repair(
                    *packet.header.ssrc,
                    *packet.seq_no as u16,
                    packet.header.timestamp,
                    packet.header.marker,
                );
                let stamp = media::stamp(&packet.payload).filter(|_| is_settled);
                delays.extend(
                    stamp.map(|stamp| monotonic_nanos().saturating_sub(stamp) as f32 / 1000.0),
                );
            }
        })?;
        if self.agent.connected && !was_connected {
            let keys = dtls_keys::take().ok_or("connected, but no keys were heard")?;
            self.feedback = Feedback::new(now, &keys, self.sender_ssrc)?;
        }
        // What is withheld from str0m is not lost, so it must not ask for it.
        while let Some(source) = self.tally.sources.get(self.muted) {
            let ssrc = source.ssrc.into();
            let mut direct = self.agent.rtc.direct_api();
            let Some(known) = direct.stream_rx(&ssrc) else {
                break;
            };
            known.suppress_nack(true);
            self.muted += 1;
        }
        self.give_feedback(now);
        Ok(())
    }

    fn give_feedback(&mut self, now: Instant) {
        let due = self
            .feedback
            .as_mut()
            .and_then(|feedback| feedback.due(now, &mut self.tally));
        if let Some(compound) = due {
            self.agent.send(&compound);
        }
    }

    /// Counts a datagram; whether str0m shall see it.
    #[inline]
    fn note(&mut self, now: Instant, datagram: &[u8]) -> bool {
        if datagram.len() < 12 || !(128..192).contains(&datagram[0]) {
            return true;
        }
        if (192..224).contains(&datagram[1]) {
            if let Some(feedback) = &mut self.feedback {
                feedback.hear(now, datagram, &mut self.tally);
            }
            return true;
        }
        if self.manner.drop_share > 0.0 && self.chance.share() < self.manner.drop_share {
            return false;
        }
        let medium = self.tally.note(now, datagram);
        if medium == Some(Medium::Video) {
            let started = self.started;
            self.join.get_or_insert_with(|| now - started);
        }
        self.seen += 1;
        // A repair's own sequence number is inside.
        medium == Some(Medium::Repair) || self.seen % self.manner.sample_every == 0
    }

    /// What was received since the last reset.
    pub fn counts(&self) -> Counts {
        self.tally.counts() - self.before
    }

    /// Starts counting anew.
    pub fn reset(&mut self) {
        self.before = self.tally.counts();
        self.delays.clear();
        self.opened = 0;
    }
}
