//! One room on several workers: a publication of another worker's relay, shown here from what that relay hands over.
//!
//! A worker is a [`Relay`]. The one whose peer publishes owns the publication: it decrypts, asks for repairs and key frames, and tells
//! Python. The others keep a *mirror* of it, a publication with the same specification that is fed by [`Relay::update`]: same cache, same
//! fan-out, same answers to NACK. What a mirror wishes goes back as updates, too. Nothing here knows how updates travel;
//! docs/decisions/0007.

use super::dynacast::LayerSet;
use super::egress::Egress;
use super::loudness::Score;
use super::model::{Nanos, PublicationId, PublicationSpec, SessionId, Slot};
use super::relay::Relay;
use crate::rtp::Header;

/// Number of a worker, from 0.
pub type WorkerIndex = usize;

/// Most workers an engine may have: [`Watchers`] is a set of bits.
pub const MAX_WORKERS: usize = 32;

/// What the relays of two workers tell each other about a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update<'a> {
    /// Owner to mirror: a plain RTP packet, repairs unwrapped, seen for the first time.
    Packet {
        /// The publication.
        publication: PublicationId,
        /// Its extended sequence number.
        sequence: u64,
        /// Header and payload.
        packet: &'a [u8],
    },
    /// Owner to mirror: a sender report.
    Report {
        /// The publication.
        publication: PublicationId,
        /// This RTP timestamp …
        timestamp: u32,
        /// … is this engine time.
        at: Nanos,
        /// The plain compound, for a recorder; empty when only the clock is told.
        compound: &'a [u8],
    },
    /// Owner to mirror: the source starts anew; nothing of before continues.
    Restart(PublicationId),
    /// Owner to mirror: packets were lost on the way; viewers wait for the next key frame.
    Lost(PublicationId),
    /// Mirror to owner: somebody here watches it, or nobody does any longer.
    Watch(PublicationId, bool),
    /// Mirror to owner: somebody here waits for a key frame.
    Keyframe(PublicationId),
    /// Mirror to owner: which layers of it somebody here watches.
    Layers(PublicationId, LayerSet),
    /// Owner to the first worker: how loud it is.
    Loudness(PublicationId, Score),
    /// First worker to all: what a slot of a room (by number) shows by loudness.
    Chosen(u64, Slot, Option<PublicationId>),
}

/// The workers that want a publication's packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Watchers(u32);

impl Watchers {
    fn set(&mut self, worker: WorkerIndex, is_watching: bool) {
        let bit = 1u32.checked_shl(worker as u32).unwrap_or(0);
        self.0 = if is_watching {
            self.0 | bit
        } else {
            self.0 & !bit
        };
    }

    /// Tells each of them.
    #[inline]
    pub fn tell(self, update: Update<'_>, out: &mut impl Egress) {
        let mut left = self.0;
        while left != 0 {
            out.update(left.trailing_zeros() as WorkerIndex, update);
            left &= left - 1;
        }
    }
}

impl Relay {
    /// Takes what the relay of another worker says. Fan-out follows with [`Relay::end_batch`].
    pub fn update(
        &mut self,
        now: Nanos,
        from: WorkerIndex,
        update: Update<'_>,
        out: &mut impl Egress,
    ) {
        match update {
            Update::Packet {
                publication,
                sequence,
                packet,
            } => {
                if let Ok(header) = Header::parse(packet) {
                    self.take_packet(publication, packet, &header, sequence, true, now, out);
                }
            }
            Update::Report {
                publication,
                timestamp,
                at,
                compound,
            } => {
                let Some(found) = self.publications.get_mut(&publication) else {
                    return;
                };
                found.clock.on_report(timestamp, at);
                if !compound.is_empty() {
                    self.feed_report(publication, compound, now, out);
                }
            }
            Update::Restart(id) => self.restart_mirror(id, now),
            Update::Lost(id) => self.lose(id, now),
            Update::Watch(id, is_watching) => self.on_watch(id, from, is_watching, out),
            Update::Keyframe(id) => self.want_keyframe(id, now),
            Update::Layers(id, watched) => {
                if let Some(ladder) = self.ladders.get_mut(&id) {
                    ladder.dynacast.on_elsewhere(from, watched);
                }
            }
            Update::Loudness(id, score) => self.on_loudness(id, score, now),
            Update::Chosen(room, slot, id) => self.on_chosen(room, slot, id, now, out),
        }
    }

    pub(super) fn mirror(
        &mut self,
        id: PublicationId,
        owner: (WorkerIndex, SessionId),
        room: &str,
        spec: PublicationSpec,
        (now, out): (Nanos, &mut impl Egress),
    ) {
        if self.owner_of(id).is_none() {
            let (worker, session) = owner;
            self.register(id, (Some(worker), session), room.into(), &spec, now, out);
        }
    }

    /// Tells the owners of mirrored publications whether anybody here watches them now.
    pub(super) fn review_watches(&mut self, now: Nanos, out: &mut impl Egress) {
        let mut renewed = Vec::new();
        for publication in self.publications.values_mut() {
            let Some(owner) = publication.mirror_of else {
                continue;
            };
            let is_watched = self.rooms.get(&publication.room).is_some_and(|room| {
                let is_used = !room.viewers.is_empty() || room.recording.is_some();
                is_used && room.slots.contains(&Some(publication.id.base()))
            });
            if is_watched != publication.is_watched {
                publication.is_watched = is_watched;
                out.update(owner, Update::Watch(publication.id, is_watched));
                if is_watched {
                    renewed.push(publication.id);
                }
            }
        }
        for id in renewed {
            self.restart_mirror(id, now);
        }
    }

    fn on_watch(
        &mut self,
        id: PublicationId,
        worker: WorkerIndex,
        is_watching: bool,
        out: &mut impl Egress,
    ) {
        let Some(publication) = self.publications.get_mut(&id) else {
            return;
        };
        publication.watchers.set(worker, is_watching);
        // The line of a slot starts at capture time: the mirror must not wait for the next sender report to know it.
        if let Some((timestamp, at)) = publication.clock.reported().filter(|_| is_watching) {
            let report = Update::Report {
                publication: id,
                timestamp,
                at,
                compound: &[],
            };
            out.update(worker, report);
        }
    }

    fn restart_mirror(&mut self, id: PublicationId, now: Nanos) {
        if let Some(publication) = self.publications.get_mut(&id) {
            publication.start_anew(now);
            if publication.keyframes.is_wanted() {
                self.attention.push(id);
            }
        }
    }

    /// Everybody who watches a publication waits for its next entry point.
    fn lose(&mut self, id: PublicationId, now: Nanos) {
        let Some(publication) = self.publications.get_mut(&id) else {
            return;
        };
        publication.gop.on_outage();
        let viewers = self.rooms.get(&publication.room).map(|room| &room.viewers);
        for viewer in viewers.into_iter().flatten() {
            let outputs = self
                .peers
                .get_mut(viewer)
                .map(|peer| peer.outputs.as_mut_slice());
            for output in outputs.unwrap_or_default() {
                output.lose(id);
            }
        }
        self.want_keyframe(id, now);
    }
}
