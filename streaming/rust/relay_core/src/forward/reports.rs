//! Time: RTCP out, consent, stalls. Everything here happens because a moment came, not because a packet did.

use super::command::Config;
use super::egress::{Egress, Event};
use super::mirror::Update;
use super::model::{MILLISECOND, MediaKind, Nanos, PublicationId, SECOND, SessionId};
use super::peer::{Consent, Peer};
use super::publication::Publication;
use super::relay::Relay;
use crate::rtcp::{
    Fir, FirEntry, Nack, Pli, ReceiverReport, Remb, ReportBlock, Sdes, SenderInfo, SenderReport,
    ntp,
};

use hashbrown::HashMap;

/// While packets are missing or a key frame is waited for.
const BUSY_TICK: Nanos = 10 * MILLISECOND;
/// Otherwise: fine enough for consent, stalls and reports.
const IDLE_TICK: Nanos = 50 * MILLISECOND;
/// With nobody there.
const EMPTY_TICK: Nanos = SECOND;
/// REMB goes out each round, receiver and sender reports each second round.
const REPORT_ROUND: Nanos = 500 * MILLISECOND;
/// A screen that sends sender reports is well; browsers send them each 0.5 s to 1.5 s for video.
const STATIC_REPORTS: Nanos = 5 * SECOND;
/// CNAME of our reports to publishers.
const CNAME: &str = "zhijian-relay";

impl Relay {
    /// When [`Relay::tick`] wants to be called at the latest.
    pub fn next_wakeup(&self) -> Nanos {
        if !self.replays.is_empty() {
            return self.next_replay.min(self.next_round());
        }
        self.next_round()
    }

    fn next_round(&self) -> Nanos {
        let is_busy = |publication: &Publication| {
            publication.keyframes.is_wanted() || !publication.missing.is_empty()
        };
        self.last_tick
            + if self.peers.is_empty() {
                EMPTY_TICK
            } else if self.publications.values().any(is_busy) {
                BUSY_TICK
            } else {
                IDLE_TICK
            }
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Nanos, out: &mut impl Egress) {
        // What has come is sent before more is shown again of what is cached: nothing may go out twice under one number.
        self.fan_out_fresh(now, out);
        self.go_on_with_replays(now, out);
        if now < self.next_round() {
            return;
        }
        self.last_tick = now;
        self.review_speakers(now, out);
        let publications: Vec<_> = self.publications.keys().copied().collect();
        for id in publications {
            self.check_stall(id, now, out);
            self.drive_publication(id, now, out);
        }
        self.watch_layers(now, out);
        let sessions: Vec<_> = self.peers.keys().copied().collect();
        for id in sessions {
            self.check_consent(id, now, out);
            self.report(id, now, out);
        }
    }

    /// Sends NACK and key frame requests that are due to the publisher.
    pub(super) fn drive_publication(
        &mut self,
        id: PublicationId,
        now: Nanos,
        out: &mut impl Egress,
    ) {
        let Some(publication) = self.publications.get_mut(&id) else {
            return;
        };
        if let Some(owner) = publication.mirror_of {
            publication.missing.clear(); // The owner asks for repairs.
            if publication.keyframes.take_due(now, false) {
                out.update(owner, Update::Keyframe(id));
            }
            return;
        }
        let (Some(peer), Some(ssrc)) = (self.peers.get_mut(&publication.owner), publication.ssrc)
        else {
            return;
        };
        let (Some((socket, address)), Some(context)) = (peer.path(), &mut peer.sending) else {
            return;
        };
        self.due.clear();
        if publication.spec.nack {
            publication.missing.collect_due(now, &mut self.due);
        } else {
            publication.missing.clear();
        }
        let wants_keyframe = publication.keyframes.take_due(now, publication.is_stalled);
        if self.due.is_empty() && !wants_keyframe {
            return;
        }
        // A minimal compound: not every publisher negotiated reduced-size RTCP (RFC 5506).
        let sender = peer.feedback_ssrc;
        self.scratch.clear();
        ReceiverReport::write(&mut self.scratch, sender, &[]);
        Sdes::write_cname(&mut self.scratch, sender, CNAME);
        Nack::write(&mut self.scratch, sender, ssrc, &self.due);
        if wants_keyframe && publication.spec.pli {
            Pli {
                sender_ssrc: sender,
                media_ssrc: ssrc,
            }
            .write(&mut self.scratch);
        } else if wants_keyframe {
            peer.fir_sequence = peer.fir_sequence.wrapping_add(1);
            Fir::write(
                &mut self.scratch,
                sender,
                &[FirEntry {
                    ssrc,
                    sequence: peer.fir_sequence,
                }],
            );
        }
        self.totals.nack_out += self.due.len() as u64;
        self.totals.pli_out += u64::from(wants_keyframe);
        if context.protect_rtcp(&mut self.scratch).is_ok() {
            out.datagram(socket, address, |buffer| copy(&self.scratch, buffer));
        }
    }

    fn check_stall(&mut self, id: PublicationId, now: Nanos, out: &mut impl Egress) {
        let timeout = self.config.stall_timeout;
        let Some(publication) = self.publications.get_mut(&id) else {
            return;
        };
        // A screen on which nothing moves sends no frames for a while, but reports: it is shown, not stalled.
        let reported = publication.stats.reported_at();
        let is_static = publication.spec.source == "screen"
            && reported.is_some_and(|at| now.saturating_sub(at) < STATIC_REPORTS);
        let silent = !is_static
            && publication
                .last_media
                .is_some_and(|at| now.saturating_sub(at) >= timeout);
        if silent && !publication.is_stalled && publication.mirror_of.is_none() {
            publication.is_stalled = true;
            if publication.rid.is_none() {
                out.event(Event::PublicationStalled(publication.owner, id));
            }
        }
    }

    fn check_consent(&mut self, id: SessionId, now: Nanos, out: &mut impl Egress) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        let silence = now.saturating_sub(peer.last_check);
        if peer.consent == Consent::Given && silence >= self.config.consent_timeout {
            peer.consent = Consent::Lost;
            out.event(Event::ConsentLost(id));
        }
        if peer.consent != Consent::Expired && silence >= self.config.expire_timeout {
            peer.consent = Consent::Expired;
            out.event(Event::Expired(id));
        }
    }

    fn report(&mut self, id: SessionId, now: Nanos, out: &mut impl Egress) {
        let Some(peer) = self
            .peers
            .get_mut(&id)
            .filter(|peer| now >= peer.next_report)
        else {
            return;
        };
        peer.next_report = now + REPORT_ROUND;
        peer.report_round = peer.report_round.wrapping_add(1);
        let (Some((socket, address)), true) = (peer.path(), peer.sending.is_some()) else {
            return;
        };
        let is_full = peer.report_round % 2 == 1;
        self.scratch.clear();
        if is_full {
            let wall = self.config.wall_offset + now;
            write_sender_reports(
                peer,
                &self.publications,
                now,
                ntp::from_unix_nanos(wall),
                &mut self.scratch,
            );
        }
        if !peer.publications.is_empty() {
            write_receiver_report(
                peer,
                &mut self.publications,
                is_full,
                now,
                &self.config,
                &mut self.scratch,
            );
        }
        if self.scratch.is_empty() {
            return;
        }
        let Some(context) = &mut peer.sending else {
            return;
        };
        if context.protect_rtcp(&mut self.scratch).is_ok() {
            out.datagram(socket, address, |buffer| copy(&self.scratch, buffer));
        }
    }
}

/// One sender report and CNAME per output that has sent anything (RFC 3550 §6.4.1).
fn write_sender_reports(
    peer: &mut Peer,
    publications: &HashMap<PublicationId, Publication>,
    now: Nanos,
    ntp: u64,
    compound: &mut Vec<u8>,
) {
    for output in peer
        .outputs
        .iter_mut()
        .filter(|output| output.packets > 0 && !output.is_retired)
    {
        let shown = output.line.current().map(|switch| switch.source);
        let publication = shown.and_then(|source| {
            publications
                .get(&source.publication)
                .filter(|found| found.key() == source)
        });
        let Some(rtp_timestamp) =
            output.timestamp_at(publication.map(|publication| &publication.clock), now)
        else {
            continue;
        };
        let info = SenderInfo {
            ssrc: output.ssrc,
            ntp,
            rtp_timestamp,
            packet_count: output.packets as u32,
            octet_count: output.octets as u32,
        };
        SenderReport::write(compound, &info, &[]);
        Sdes::write_cname(compound, output.ssrc, &output.cname);
    }
}

/// Receiver report, CNAME and REMB towards a publisher.
fn write_receiver_report(
    peer: &mut Peer,
    publications: &mut HashMap<PublicationId, Publication>,
    is_full: bool,
    now: Nanos,
    config: &Config,
    compound: &mut Vec<u8>,
) {
    let mut blocks: Vec<ReportBlock> = Vec::new();
    let mut limited = Vec::new();
    for id in &peer.publications {
        let Some(publication) = publications.get_mut(id) else {
            continue;
        };
        let Some(ssrc) = publication.ssrc else {
            continue;
        };
        if is_full {
            blocks.extend(publication.stats.report(ssrc, now));
        }
        if publication.spec.remb && publication.spec.kind == MediaKind::Video {
            limited.push(ssrc);
        }
    }
    let lost = blocks
        .iter()
        .map(|block| block.fraction_lost)
        .max()
        .unwrap_or(0);
    if blocks.is_empty() && limited.is_empty() {
        return;
    }
    ReceiverReport::write(compound, peer.feedback_ssrc, &blocks);
    Sdes::write_cname(compound, peer.feedback_ssrc, CNAME);
    if !limited.is_empty() {
        let (least, most) = (config.remb_min_bps, config.remb_bps);
        let mut allowed = most;
        if let Some((_, rate)) = &mut peer.inbound {
            rate.on_loss(f64::from(lost) / 256.0, most, now);
            allowed = rate.allowed(least, most);
        }
        Remb::write(compound, peer.feedback_ssrc, allowed, &limited);
    }
}

fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let Some(target) = to.get_mut(..from.len()) else {
        return 0;
    };
    target.copy_from_slice(from);
    from.len()
}
