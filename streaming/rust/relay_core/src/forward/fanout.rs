//! Media out: what a receive batch brought goes to every viewer, all packets of one viewer in a row (which is what GSO wants).

use super::egress::Egress;
use super::model::{MediaKind, Nanos, PublicationId};
use super::output::Source;
use super::padding::equalise;
use super::publication::Fresh;
use super::relay::Relay;

impl Relay {
    /// Sends on what came since the last call, then the key frame requests it caused.
    pub fn end_batch(&mut self, now: Nanos, out: &mut impl Egress) {
        while let Some(id) = self.awoken.pop() {
            self.choose_layers_of(id, now);
        }
        if std::mem::take(&mut self.is_watch_stale) {
            self.review_watches(now, out);
        }
        self.fan_out_fresh(now, out);
        self.go_on_with_replays(now, out);
        while let Some(id) = self.attention.pop() {
            self.drive_publication(id, now, out);
        }
    }

    /// Sends on what came since the last call.
    pub(super) fn fan_out_fresh(&mut self, now: Nanos, out: &mut impl Egress) {
        while let Some(id) = self.touched.pop() {
            self.fan_out(id, now, out);
        }
    }

    fn fan_out(&mut self, id: PublicationId, now: Nanos, out: &mut impl Egress) {
        let Some(publication) = self.publications.get_mut(&id) else {
            return;
        };
        let has_entry = publication.has_fresh_entry();
        let kind = publication.spec.kind;
        let mut fresh = std::mem::take(&mut publication.fresh);
        if self.config.is_padding && kind == MediaKind::Video {
            equalise(&mut publication.cache, &fresh);
        }
        let source = Source {
            key: publication.key(),
            codec: publication.spec.codec,
            cache: &publication.cache,
            clock: &publication.clock,
        };
        let shown = self
            .rooms
            .get(&publication.room)
            .filter(|room| room.slots.contains(&Some(id.base())));
        let viewers = shown.map_or(&[][..], |room| &room.viewers);
        if has_entry {
            publication.turn = publication.next_turn;
        }
        let turn = publication.turn.min(viewers.len());
        let mut first_left_out = None;
        for (place, viewer) in viewers[turn..].iter().chain(&viewers[..turn]).enumerate() {
            let Some(peer) = self.peers.get_mut(viewer) else {
                continue;
            };
            let (Some((socket, address)), Some(context)) = (peer.path(), &peer.sending) else {
                continue;
            };
            for output in peer.outputs.iter_mut().filter(|output| output.follows(id)) {
                let may_send = has_entry || !output.is_awaiting;
                if may_send && !out.has_room(socket, kind) {
                    peer.counters.left_out += u64::from(output.leave_out());
                    first_left_out.get_or_insert(place);
                    continue;
                }
                let was_started = output.line.is_started();
                if output.is_switching() {
                    let counters = &mut peer.counters;
                    let turned = output.switch_over(source, &fresh, now, |output, sequence| {
                        out.datagram(socket, address, |buffer| {
                            let written = output.forward(source, sequence, now, context, buffer);
                            if written > 0 {
                                counters.packets_out += 1;
                                counters.bytes_out += written as u64;
                            }
                            written
                        });
                    });
                    self.touched.extend(turned.filter(|other| *other != id));
                    continue;
                }
                for item in &fresh {
                    match *item {
                        Fresh::Probe(sequence) => output.skip(source.key, sequence, now),
                        Fresh::Packet(sequence) if output.is_ahead(sequence) => {}
                        Fresh::Packet(sequence) => out.datagram(socket, address, |buffer| {
                            let written = output.forward(source, sequence, now, context, buffer);
                            if written > 0 {
                                peer.counters.packets_out += 1;
                                peer.counters.bytes_out += written as u64;
                            }
                            written
                        }),
                    }
                }
                if !was_started && output.line.is_started() {
                    // Lip sync needs a sender report early.
                    (peer.next_report, peer.report_round) = (now, 0);
                }
            }
        }
        if let Some(place) = first_left_out {
            if has_entry {
                publication.next_turn = (turn + place) % viewers.len();
            }
            if kind == MediaKind::Video {
                publication.keyframes.want_patiently(now);
            }
        }
        fresh.clear();
        publication.fresh = fresh; // Keeps its capacity.
    }
}
