//! RTCP in: sender reports of publishers, receiver reports, NACK, PLI and FIR of viewers.

use super::egress::{Egress, Event};
use super::mirror::Update;
use super::model::{MediaKind, Nanos, PublicationId, SECOND, SessionId};
use super::output::Source;
use super::publication::Fresh;
use super::relay::Relay;
use crate::rtcp::{self, Nack, Packet, ReportBlocks, SenderReport, ntp};

/// Most packets resent to a session within [`RESEND_WINDOW`], as many as a video cache holds: any loss worth repairing, but no way to make
/// the relay flood an address.
const MAX_RESENDS: u32 = 1024;
const RESEND_WINDOW: Nanos = SECOND;

impl Relay {
    pub(super) fn on_rtcp(
        &mut self,
        now: Nanos,
        session: SessionId,
        datagram: &mut [u8],
        out: &mut impl Egress,
    ) {
        let Some(peer) = self.peers.get_mut(&session) else {
            return;
        };
        let Some(context) = &mut peer.receiving else {
            self.dropped.srtp_before_keys += 1;
            return;
        };
        let length = match context.unprotect_rtcp(datagram) {
            Ok(length) => length,
            Err(error) => {
                self.dropped
                    .count_refused(error, |dropped| &mut dropped.malformed_rtcp);
                return;
            }
        };
        let compound = &datagram[..length];
        for part in rtcp::parts(compound) {
            match part {
                Ok(Packet::SenderReport(report)) => {
                    self.on_sender_report(now, session, &report, compound, out);
                    self.on_report_blocks(now, session, report.blocks, out);
                }
                Ok(Packet::ReceiverReport(report)) => {
                    self.on_report_blocks(now, session, report.blocks, out)
                }
                Ok(Packet::Nack(nack)) => self.on_nack(now, session, &nack, out),
                Ok(Packet::Pli(pli)) => self.on_picture_loss(now, session, pli.media_ssrc),
                Ok(Packet::Fir(fir)) => fir
                    .entries()
                    .for_each(|entry| self.on_picture_loss(now, session, entry.ssrc)),
                Ok(Packet::Remb(remb)) => self.on_estimate(now, session, remb.bitrate),
                Ok(Packet::Sdes(_) | Packet::Bye(_) | Packet::Unknown { .. }) => {}
                Err(_) => self.dropped.malformed_rtcp += 1,
            }
        }
    }

    fn on_sender_report(
        &mut self,
        now: Nanos,
        session: SessionId,
        report: &SenderReport<'_>,
        compound: &[u8],
        out: &mut impl Egress,
    ) {
        let Some(peer) = self.peers.get_mut(&session) else {
            return;
        };
        let mine = |id: &&PublicationId| {
            self.publications
                .get(*id)
                .is_some_and(|publication| publication.ssrc == Some(report.info.ssrc))
        };
        let Some(id) = peer.publications.iter().find(mine).copied() else {
            return;
        };
        let Some(publication) = self.publications.get_mut(&id) else {
            return;
        };
        publication.stats.on_report(report.info.ntp, now);
        if report.info.ntp != 0 {
            let at = peer.source_time.on_report(report.info.ntp, now);
            publication.clock.on_report(report.info.rtp_timestamp, at);
            let update = Update::Report {
                publication: id,
                timestamp: report.info.rtp_timestamp,
                at,
                compound,
            };
            publication.watchers.tell(update, out);
        }
        self.feed_report(id, compound, now, out);
    }

    fn on_report_blocks(
        &mut self,
        now: Nanos,
        session: SessionId,
        blocks: ReportBlocks<'_>,
        out: &mut impl Egress,
    ) {
        let Some(peer) = self.peers.get_mut(&session) else {
            return;
        };
        let arrival = ntp::from_unix_nanos(self.config.wall_offset + now);
        let mut advanced = None;
        let mut loss: Option<u8> = None;
        for block in blocks {
            let Some(output) = peer
                .outputs
                .iter_mut()
                .find(|output| output.ssrc == block.ssrc)
            else {
                continue;
            };
            output.on_reported();
            loss = loss.max(Some(block.fraction_lost));
            let packets = output.packets - std::mem::replace(&mut output.reported, output.packets);
            peer.bandwidth
                .on_report(packets, f64::from(block.fraction_lost) / 256.0);
            if let Some(rtt) =
                ntp::round_trip_nanos(arrival, block.last_sr, block.delay_since_last_sr)
            {
                peer.rtt = Some(rtt);
            }
            // Only what was sent can have been delivered.
            let highest = u64::from(block.highest_sequence);
            if highest > output.confirmed && highest < output.line.next_output() {
                output.confirmed = highest;
                advanced = advanced.max(Some(highest));
            }
        }
        if let Some(fraction) = loss {
            peer.loss = f64::from(fraction) / 256.0;
        }
        let is_judged = peer.bandwidth.judge(now);
        let interval = self.config.delivered_interval;
        if let Some(highest) = advanced {
            if peer
                .delivered_at
                .is_none_or(|at| now.saturating_sub(at) >= interval)
            {
                peer.delivered_at = Some(now);
                out.event(Event::Delivered(session, highest));
            }
        }
        if is_judged {
            self.choose_layers(session, now);
        }
    }

    /// A receiver's estimate of its path.
    fn on_estimate(&mut self, now: Nanos, session: SessionId, bps: u64) {
        if let Some(peer) = self.peers.get_mut(&session) {
            peer.bandwidth.on_remb(bps, now);
            self.choose_layers(session, now);
        }
    }

    fn on_nack(&mut self, now: Nanos, session: SessionId, nack: &Nack<'_>, out: &mut impl Egress) {
        let Some(peer) = self.peers.get_mut(&session) else {
            return;
        };
        let (Some((socket, address)), Some(context)) = (peer.path(), &peer.sending) else {
            return;
        };
        let Some(output) = peer
            .outputs
            .iter_mut()
            .find(|output| output.ssrc == nack.media_ssrc)
        else {
            return;
        };
        if now.saturating_sub(peer.resends_since) >= RESEND_WINDOW {
            (peer.resends_since, peer.resends) = (now, 0);
        }
        let (counters, resends) = (&mut peer.counters, &mut peer.resends);
        for lost in nack.sequences() {
            counters.nack += 1;
            if *resends >= MAX_RESENDS {
                continue;
            }
            let Some(found) = output.lookup_nack(lost, now, peer.rtt) else {
                continue;
            };
            let Some(publication) = self.publications.get(&found.1.source.publication) else {
                continue;
            };
            // A packet of this very batch goes out at its end, and what it is padded to is decided then.
            let is_undecided = publication.fresh.contains(&Fresh::Packet(found.2));
            if publication.key() != found.1.source || is_undecided {
                continue;
            }
            let source = Source {
                key: publication.key(),
                codec: publication.spec.codec,
                cache: &publication.cache,
                clock: &publication.clock,
            };
            out.datagram(socket, address, |buffer| {
                let written = output.resend(source, found, now, context, buffer);
                if written > 0 {
                    *resends += 1;
                    counters.rtx += 1;
                    counters.bytes_out += written as u64;
                }
                written
            });
        }
    }

    fn on_picture_loss(&mut self, now: Nanos, session: SessionId, media_ssrc: u32) {
        let Some(peer) = self.peers.get_mut(&session) else {
            return;
        };
        peer.counters.pli += 1;
        let output = peer
            .outputs
            .iter()
            .find(|output| output.ssrc == media_ssrc && output.slot.kind() == MediaKind::Video);
        let sources = output.map_or([None; 2], |output| [output.wanted, output.shown()]);
        let is_left_out = output.is_some_and(|output| output.is_left_out);
        for id in sources.into_iter().flatten() {
            match self.publications.get_mut(&id).filter(|_| is_left_out) {
                Some(publication) => publication.keyframes.want_patiently(now),
                None => self.want_keyframe(id, now),
            }
        }
    }
}
