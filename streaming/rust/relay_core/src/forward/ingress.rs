//! Datagrams in: STUN is answered, DTLS handed up, SRTP decrypted once and put into its publication.
//!
//! Nothing is trusted before its integrity check; what is refused is counted and never answered.

use std::sync::Arc;

use super::egress::{Egress, Event, FeedItem};
use super::flood::{CHECKS, HANDSHAKE};
use super::mirror::Update;
use super::model::{MediaKind, Nanos, PayloadRole, PublicationId, SessionId};
use super::peer::{Path, Peer};
use super::publication::{Publication, Reception};
use super::relay::Relay;
use crate::demux::{DatagramKind, classify};
use crate::error::StunError;
use crate::rtp::{Header, extension};
use crate::stun::{self, BindingRequest, ErrorCode, IceRole};
use crate::{rtx, sequence};

use hashbrown::HashMap;

impl Relay {
    /// Takes one datagram; it is decrypted in place. Media is sent on by [`Relay::end_batch`].
    pub fn datagram(&mut self, now: Nanos, path: Path, datagram: &mut [u8], out: &mut impl Egress) {
        match classify(datagram) {
            DatagramKind::Stun => self.on_stun(now, path, datagram, out),
            DatagramKind::Dtls => match self.addresses.get(&path) {
                Some(session) => self.on_dtls(now, *session, datagram, out),
                None => self.dropped.unknown_source += 1,
            },
            DatagramKind::Rtp => match self.addresses.get(&path) {
                Some(session) => self.on_rtp(now, *session, datagram, out),
                None => self.dropped.unknown_source += 1,
            },
            DatagramKind::Rtcp => match self.addresses.get(&path) {
                Some(session) => self.on_rtcp(now, *session, datagram, out),
                None => self.dropped.unknown_source += 1,
            },
            DatagramKind::Other => self.dropped.other += 1,
        }
    }

    fn on_dtls(&mut self, now: Nanos, session: SessionId, datagram: &[u8], out: &mut impl Egress) {
        let Some(peer) = self.peers.get_mut(&session) else {
            return;
        };
        if peer.handshake.take(HANDSHAKE, now) {
            peer.on_heard(datagram.len());
            out.event(Event::Dtls(session, datagram.to_vec()));
        } else {
            self.dropped.dtls_excess += 1;
        }
    }

    fn on_stun(&mut self, now: Nanos, path: Path, datagram: &[u8], out: &mut impl Egress) {
        let is_stranger = !self.addresses.contains_key(&path);
        if is_stranger && !self.strangers.take(path.1.ip(), now) {
            self.dropped.stun_excess += 1;
            return;
        }
        let request = match BindingRequest::parse(datagram) {
            Ok(request) => request,
            // Indications keep a NAT binding open; responses answer nothing we asked.
            Err(StunError::NotBindingRequest) => return,
            Err(_) => {
                self.dropped.malformed_stun += 1;
                return;
            }
        };
        let owner = std::str::from_utf8(request.local_ufrag)
            .ok()
            .and_then(|ufrag| self.ufrags.get(ufrag));
        let Some(peer) = owner.and_then(|session| self.peers.get_mut(session)) else {
            self.dropped.unknown_ufrag += 1;
            return;
        };
        let is_current = peer.credentials.ufrag.as_bytes() == request.local_ufrag;
        let credentials = if is_current {
            &peer.credentials
        } else {
            peer.previous.as_ref().unwrap_or(&peer.credentials)
        };
        let password = credentials.pwd.as_bytes();
        if request.verify(password).is_err() {
            self.dropped.bad_integrity += 1;
            return;
        }
        // Only what is authentic counts against a session: nobody else can use up what it may send.
        if !peer.checks.take(CHECKS, now) {
            self.dropped.stun_excess += 1;
            return;
        }
        let refusal = if !request.unknown.as_slice().is_empty() {
            Some((ErrorCode::UnknownAttribute, request.unknown.as_slice()))
        } else if matches!(request.role, Some(IceRole::Controlled(_))) {
            // We are ICE-lite, hence controlled for ever (RFC 8445 §6.1.1).
            Some((ErrorCode::RoleConflict, &[][..]))
        } else {
            None
        };
        let id = &request.transaction_id;
        let mut is_too_short = false;
        out.datagram(path.0, path.1, |buffer| {
            let written = match refusal {
                Some((code, unknown)) => {
                    stun::write_error(buffer, id, code, unknown, Some(password))
                }
                None => stun::write_success(buffer, id, path.1, password),
            };
            let length = written.unwrap_or(0);
            // What a stranger's address is sent is never more than came from it. With what RFC 8445 §7.1 demands a check is long
            // enough; one that is not is answered when it comes again.
            is_too_short = is_stranger && length > datagram.len();
            if is_too_short { 0 } else { length }
        });
        self.dropped.malformed_stun += u64::from(is_too_short);
        if refusal.is_none() {
            self.on_checked(now, path, &request, out);
        }
    }

    fn on_checked(
        &mut self,
        now: Nanos,
        path: Path,
        request: &BindingRequest<'_>,
        out: &mut impl Egress,
    ) {
        let owner = std::str::from_utf8(request.local_ufrag)
            .ok()
            .and_then(|ufrag| self.ufrags.get(ufrag).copied());
        let Some(peer) = owner.and_then(|session| self.peers.get_mut(&session)) else {
            return;
        };
        let session = peer.id;
        if peer.credentials.ufrag.as_bytes() == request.local_ufrag {
            if let Some(previous) = peer.previous.take() {
                self.ufrags.remove(&previous.ufrag);
            }
        }
        peer.on_heard(request.len());
        let outcome = peer.on_check(path, request.use_candidate, now);
        if let Some(evicted) = outcome.evicted {
            self.addresses.remove(&evicted);
            out.route(evicted.0, evicted.1, false);
        }
        let before = self.addresses.insert(path, session);
        if before.is_none() {
            out.route(path.0, path.1, true);
        } else if let Some(other) = before.filter(|other| *other != session) {
            if let Some(other) = self.peers.get_mut(&other) {
                other.checked.retain(|known| *known != path);
            }
        }
        if outcome.selected {
            out.event(Event::Selected(session, path.1));
        }
        if outcome.regained {
            out.event(Event::ConsentRegained(session));
        }
        if outcome.regained || outcome.resumed {
            self.restart_outputs(session, now);
        }
    }

    /// A session of another worker proved this path its own: it is nobody's here.
    pub fn forget_path(&mut self, path: Path) {
        let owner = self.addresses.remove(&path);
        if let Some(peer) = owner.and_then(|session| self.peers.get_mut(&session)) {
            peer.checked.retain(|known| *known != path);
        }
    }

    fn on_rtp(
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
        let plain = match context.unprotect_rtp(datagram) {
            Ok(plain) => plain,
            Err(error) => {
                self.dropped
                    .count_refused(error, |dropped| &mut dropped.malformed_rtp);
                return;
            }
        };
        let packet = &mut datagram[..plain.len];
        let Some((id, role)) = find_source(
            peer,
            &mut self.publications,
            packet,
            &plain.header,
            now,
            out,
        ) else {
            self.dropped.unknown_ssrc += 1;
            return;
        };
        peer.measure(packet, &plain.header, self.config.remb_bps, now);
        if peer.on_media(now) {
            out.event(Event::ConsentRegained(session));
        }
        let Some(publication) = self.publications.get_mut(&id) else {
            return;
        };
        let (header, length, sequence) = match role {
            PayloadRole::Media => (plain.header, plain.len, plain.index),
            PayloadRole::Rtx => match repaired(publication, packet, &plain.header) {
                Some(repaired) => repaired,
                None => return, // Probing padding, or a repair of nothing we know.
            },
        };
        let is_repair = role == PayloadRole::Rtx;
        let packet = &packet[..length];
        self.take_packet(id, packet, &header, sequence, is_repair, now, out);
    }

    /// Puts a plain packet into its publication, or into the mirror of one, and hands it to recorder and mirrors.
    #[expect(
        clippy::too_many_arguments,
        reason = "a packet and what is known of it"
    )]
    pub(super) fn take_packet(
        &mut self,
        id: PublicationId,
        packet: &[u8],
        header: &Header,
        sequence: u64,
        is_repair: bool,
        now: Nanos,
        out: &mut impl Egress,
    ) {
        let Some(publication) = self.publications.get_mut(&id) else {
            return;
        };
        let was_fresh = !publication.fresh.is_empty();
        let payload = packet.get(header.payload()).unwrap_or_default();
        let first = publication.counters.packets == 0 && publication.rid.is_none();
        if publication.spec.kind == MediaKind::Audio {
            let level = publication
                .spec
                .audio_level_ext
                .and_then(|id| extension::find(packet, header, id)?.first().copied());
            publication.loudness.on_packet(level, payload.len(), now);
        }
        let reception = publication.receive(header, payload, sequence, now, is_repair);
        if !was_fresh && !publication.fresh.is_empty() {
            self.touched.push(id);
        }
        if publication.keyframes.is_wanted() {
            self.attention.push(id);
        }
        if matches!(reception, Reception::Media { .. } | Reception::Probe) {
            let update = Update::Packet {
                publication: id,
                sequence,
                packet,
            };
            publication.watchers.tell(update, out);
        }
        match reception {
            Reception::Media { is_entry } => {
                let owner = publication.owner;
                if first && publication.mirror_of.is_none() {
                    out.event(Event::PublicationMedia(owner, id));
                }
                let is_resumed = std::mem::take(&mut publication.is_stalled);
                if publication.rid.is_some() {
                    let is_awoken = std::mem::take(&mut publication.is_idle);
                    self.on_layer_media(id, is_awoken, is_entry, now, out);
                } else if is_resumed {
                    out.event(Event::PublicationResumed(owner, id));
                }
                self.feed_packet(id, packet, false, is_entry, now, out);
            }
            // The recorder must not wait for a number that only a probe used.
            Reception::Probe if !is_repair => self.feed_packet(id, packet, false, false, now, out),
            Reception::Probe | Reception::Useless => {}
            Reception::TooLarge => self.dropped.malformed_rtp += 1,
        }
    }

    /// Hands a decrypted packet to the recorder, once for each slot that shows the publication; of layers only the recorded one.
    pub(super) fn feed_packet(
        &self,
        id: PublicationId,
        packet: &[u8],
        is_rtcp: bool,
        is_entry: bool,
        now: Nanos,
        out: &mut impl Egress,
    ) {
        let Some(room) = self
            .publications
            .get(&id)
            .and_then(|publication| self.rooms.get(&publication.room))
        else {
            return;
        };
        let Some(recording) = &room.recording else {
            return;
        };
        if self.fed_source(id.base()) != id {
            return;
        }
        let mut shared: Option<Arc<[u8]>> = None;
        for slot in room.slots_of(id.base()) {
            let packet = shared.get_or_insert_with(|| Arc::from(packet)).clone();
            let recording = recording.clone();
            out.feed(FeedItem::Packet {
                recording,
                at: now,
                slot,
                publication: id,
                is_rtcp,
                is_entry,
                packet,
            });
        }
    }
}

/// The publication (or layer) of a packet, by SSRC, else by MID and RID, else by a payload type only one publication has; learns the SSRC.
fn find_source(
    peer: &Peer,
    publications: &mut HashMap<PublicationId, Publication>,
    packet: &[u8],
    header: &Header,
    now: Nanos,
    out: &mut impl Egress,
) -> Option<(PublicationId, PayloadRole)> {
    for id in &peer.publications {
        let Some(publication) = publications.get(id) else {
            continue;
        };
        let wanted = if publication.ssrc == Some(header.ssrc) {
            PayloadRole::Media
        } else if publication.rtx_ssrc == Some(header.ssrc) {
            PayloadRole::Rtx
        } else {
            continue;
        };
        let role = publication.role_of(header.payload_type);
        return role.filter(|role| *role == wanted).map(|role| (*id, role));
    }
    let element = |id: Option<u8>| id.and_then(|id| extension::find(packet, header, id));
    let by_name = |publication: &Publication| {
        let spec = &publication.spec;
        let mid = element(spec.mid_ext);
        let Some(rid) = &publication.rid else {
            return mid == Some(spec.mid.as_bytes());
        };
        let said = match publication.role_of(header.payload_type) {
            Some(PayloadRole::Media) => element(spec.rid_ext),
            Some(PayloadRole::Rtx) => element(spec.repaired_rid_ext),
            None => None,
        };
        said == Some(rid.as_bytes()) && mid.is_none_or(|mid| mid == spec.mid.as_bytes())
    };
    let has_type = |id: &&PublicationId| {
        publications.get(*id).is_some_and(|publication| {
            publication.rid.is_none() && publication.role_of(header.payload_type).is_some()
        })
    };
    let mut candidates = peer.publications.iter().filter(has_type);
    let only = match (candidates.next(), candidates.next()) {
        (Some(only), None) => Some(*only),
        _ => None,
    };
    let named = peer
        .publications
        .iter()
        .find(|id| publications.get(*id).is_some_and(by_name))
        .copied();
    let id = named.or(only)?;
    let publication = publications.get_mut(&id)?;
    let role = publication.role_of(header.payload_type)?;
    match role {
        PayloadRole::Media => {
            publication.restart(header.ssrc, now);
            publication.watchers.tell(Update::Restart(id), out);
        }
        PayloadRole::Rtx => publication.rtx_ssrc = Some(header.ssrc),
    }
    Some((id, role))
}

/// Unwraps a repair in place: header, length and extended sequence number of the original packet.
fn repaired(
    publication: &Publication,
    packet: &mut [u8],
    header: &Header,
) -> Option<(Header, usize, u64)> {
    let (ssrc, highest) = (publication.ssrc?, publication.highest?);
    let length = rtx::unwrap(packet, header, publication.media_payload_type(), ssrc).ok()?;
    let header = Header::parse(&packet[..length]).ok()?;
    Some((header, length, sequence::extend(highest, header.sequence)))
}
