//! Which layer of a simulcast publication each viewer gets, and the recorder.
//!
//! What a layer is stands in `ladder`; how a viewer's packets go over from one layer to another, in `output`.

use std::sync::Arc;

use super::allocation::{self, Demand};
use super::dynacast::LayerSet;
use super::egress::{Egress, Event};
use super::ladder::{Ladder, RungCounters};
use super::mirror::Update;
use super::model::{MILLISECOND, Nanos, PublicationId, SessionId, Slot};
use super::output::Output;
use super::relay::Relay;

/// Layers are chosen anew this often without an occasion: rates and pauses change with time alone.
const CHOICE: Nanos = 500 * MILLISECOND;
/// Octets of a padding packet: what one octet can count.
const PADDING: usize = 255;

impl Relay {
    /// Publisher and room of a publication.
    pub(super) fn owner_of(&self, id: PublicationId) -> Option<(SessionId, Arc<str>)> {
        if let Some(found) = self.publications.get(&id) {
            return Some((found.owner, found.room.clone()));
        }
        let found = self.ladders.get(&id)?;
        Some((found.owner, found.room.clone()))
    }

    /// The source the recorder gets of a publication: itself, or one layer of it.
    pub(super) fn fed_source(&self, id: PublicationId) -> PublicationId {
        let ladder = self.ladders.get(&id);
        ladder
            .and_then(|found| found.fed)
            .map_or(id, |index| id.layer(index))
    }

    /// The recorder waits for a key frame.
    pub(super) fn want_fed_keyframe(&mut self, id: PublicationId, now: Nanos) {
        self.want_keyframe(self.fed_source(id), now);
    }

    /// Python waits for a key frame of a publication, whatever its layers.
    pub(super) fn want_any_keyframe(&mut self, id: PublicationId, now: Nanos) {
        self.want_keyframe(id, now);
        for index in 0..PublicationId::MAX_LAYERS {
            self.want_keyframe(id.layer(index), now);
        }
    }

    /// A packet of a layer came; `is_awoken` when it is the first after a pause.
    pub(super) fn on_layer_media(
        &mut self,
        id: PublicationId,
        is_awoken: bool,
        is_entry: bool,
        now: Nanos,
        out: &mut impl Egress,
    ) {
        let (Some(ladder), Some(index)) = (self.ladders.get_mut(&id.base()), id.layer_index())
        else {
            return;
        };
        if !ladder.is_started {
            ladder.is_started = true;
            if ladder.mirror_of.is_none() {
                out.event(Event::PublicationMedia(ladder.owner, ladder.id));
            }
        }
        if std::mem::take(&mut ladder.is_stalled) {
            out.event(Event::PublicationResumed(ladder.owner, ladder.id));
        }
        if is_awoken {
            ladder.on_awoken(index, now);
            self.awoken.push(ladder.id);
        }
        if ladder.fed.is_none() || (is_entry && ladder.fed_next == Some(index)) {
            self.feed_layer(id, now, out);
        }
    }

    /// Chooses anew for everybody who sees a publication.
    pub(super) fn choose_layers_of(&mut self, id: PublicationId, now: Nanos) {
        let Some(ladder) = self.ladders.get(&id) else {
            return;
        };
        let viewers = self
            .rooms
            .get(&ladder.room)
            .map(|room| room.viewers.clone());
        for viewer in viewers.unwrap_or_default() {
            self.choose_layers(viewer, now);
        }
    }

    /// Chooses the layer of each slot of a viewer, and asks for the key frames that this takes.
    pub(super) fn choose_layers(&mut self, id: SessionId, now: Nanos) {
        if self.ladders.is_empty() {
            return;
        }
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        peer.next_choice = now + CHOICE;
        let has_keys = peer.keys.is_some();
        let (mut layered, mut demands, mut fixed) = (Vec::new(), Vec::new(), 0);
        for (index, output) in peer.outputs.iter().enumerate() {
            let ladder = output.target.and_then(|id| self.ladders.get(&id));
            if let Some(ladder) = ladder {
                let is_screen = self
                    .publications
                    .get(&ladder.id.layer(0))
                    .is_some_and(|found| found.spec.source == "screen");
                layered.push((importance(output.slot, is_screen), index, ladder));
            } else if let Some(found) = output.target.and_then(|id| self.publications.get(&id)) {
                fixed += found.bitrate.bps(now);
            }
        }
        layered.sort_by_key(|(importance, index, _)| (*importance, *index));
        demands.extend(layered.iter().map(|(_, index, ladder)| Demand {
            rates: ladder.rates(),
            top: ladder.top(),
            current: peer.outputs[*index].desired.min(ladder.top()),
        }));
        let estimate = peer.bandwidth.estimate();
        let budget = estimate.map(|bps| bps.saturating_sub(fixed));
        let mut chosen = Vec::with_capacity(demands.len());
        allocation::allocate(budget, &demands, &mut chosen);
        let mut waited_for = Vec::new();
        for (proposed, (_, index, ladder)) in chosen.iter_mut().zip(&layered) {
            let output = &mut peer.outputs[*index];
            output.desired = output.damper.settle(output.desired, *proposed, now);
            *proposed = output.desired;
            let wanted = ladder.nearest(output.desired).unwrap_or_default();
            if output.want(ladder.id.layer(wanted)) && has_keys {
                waited_for.push((*index, output.is_awaiting, ladder.id.layer(wanted)));
            }
        }
        // Nothing is tried for a layer that the publisher does not send.
        for (demand, (_, _, ladder)) in demands.iter_mut().zip(&layered) {
            demand.top = ladder.reach();
        }
        let needed = allocation::next_step(&demands, &chosen).map(|bps| bps + fixed);
        let media_bps = peer.bandwidth.sent_bps().saturating_sub(peer.padding_bps);
        let measured = (media_bps, peer.loss);
        peer.padding_bps = peer.prober.padding_bps(needed, estimate, measured, now);
        // One that has just come serves those who begin to wait for it.
        waited_for.retain(|(_, _, layer)| {
            let found = self.publications.get(layer);
            found.is_some_and(|found| !found.has_fresh_entry())
        });
        for (index, is_awaiting, layer) in waited_for {
            match is_awaiting {
                true => self.begin_output(id, index, now),
                false => self.want_keyframe(layer, now),
            }
        }
    }

    /// Notices layers that have stopped, and what follows from it.
    pub(super) fn watch_layers(&mut self, now: Nanos, out: &mut impl Egress) {
        let ids: Vec<_> = self.ladders.keys().copied().collect();
        for id in ids {
            if self.observe_layers(id, now, out) {
                self.choose_layers_of(id, now);
            }
            self.follow_with_feed(id, now, out);
            self.review_layers(id, now, out);
        }
        if !self.ladders.is_empty() {
            let viewers: Vec<_> = self.peers.keys().copied().collect();
            for viewer in viewers {
                self.watch_viewer(viewer, now, out);
            }
        }
    }

    /// Keeps account of what a viewer is sent, and tries its path with padding where that is due.
    fn watch_viewer(&mut self, id: SessionId, now: Nanos, out: &mut impl Egress) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        peer.bandwidth.on_sent(peer.counters.bytes_out, now);
        if now >= peer.next_choice && !peer.outputs.is_empty() {
            self.choose_layers(id, now);
        }
        let Some(peer) = self.peers.get_mut(&id).filter(|peer| peer.padding_bps > 0) else {
            return;
        };
        let (Some((socket, address)), Some(context)) = (peer.path(), &peer.sending) else {
            return;
        };
        let can_pad = |output: &&mut Output| output.shown().is_some() && output.rtx_ssrc.is_some();
        let Some(output) = peer.outputs.iter_mut().find(can_pad) else {
            return;
        };
        let mut left = peer.prober.octets(peer.padding_bps, now);
        while left > 0 {
            let octets = left.min(PADDING) as u8;
            left -= usize::from(octets);
            let counters = &mut peer.counters;
            out.datagram(socket, address, |buffer| {
                let written = output.pad(octets, now, context, buffer);
                counters.bytes_out += written as u64;
                counters.padding += written as u64;
                written
            });
        }
    }

    /// Lets the publisher know which layers somebody watches, here or on other workers.
    fn review_layers(&mut self, id: PublicationId, now: Nanos, out: &mut impl Egress) {
        let Some(ladder) = self.ladders.get(&id).filter(|found| found.is_started) else {
            return;
        };
        let watched = self.watched_layers(ladder);
        let Some(ladder) = self.ladders.get_mut(&id) else {
            return;
        };
        if let Some(owner) = ladder.mirror_of {
            if std::mem::replace(&mut ladder.dynacast.reported, watched) != watched {
                out.update(owner, Update::Layers(id, watched));
            }
        } else if let Some(told) = ladder.dynacast.on_watched(watched, now) {
            let wanted = ladder.rungs.iter().enumerate();
            let wanted = wanted.filter(|(index, _)| told.has(*index));
            let rids = wanted.map(|(_, rung)| rung.rid.clone()).collect();
            out.event(Event::LayersWanted(ladder.owner, id, rids));
        }
    }

    /// The layers that viewers here are shown, wait for, or would be shown if they were sent; the recorder wants the highest.
    fn watched_layers(&self, ladder: &Ladder) -> LayerSet {
        let mut watched = LayerSet::default();
        let Some(room) = self.rooms.get(&ladder.room) else {
            return watched;
        };
        if room.recording.is_some() && room.slots_of(ladder.id).next().is_some() {
            watched = watched.with(ladder.top());
            watched = ladder.fed.map_or(watched, |index| watched.with(index));
        }
        let viewers = room
            .viewers
            .iter()
            .filter_map(|viewer| self.peers.get(viewer));
        for peer in viewers.filter(|peer| peer.path().is_some()) {
            for output in peer
                .outputs
                .iter()
                .filter(|output| output.target == Some(ladder.id))
            {
                watched = watched.with(output.desired);
                for source in [output.shown(), output.wanted].into_iter().flatten() {
                    watched = source
                        .layer_index()
                        .map_or(watched, |index| watched.with(index));
                }
            }
        }
        watched
    }

    fn observe_layers(&mut self, id: PublicationId, now: Nanos, out: &mut impl Egress) -> bool {
        let Some(ladder) = self.ladders.get_mut(&id) else {
            return false;
        };
        let mut counters = [RungCounters::default(); PublicationId::MAX_LAYERS];
        let mut is_stalled = ladder.is_started && ladder.mirror_of.is_none();
        for (of_rung, rung) in counters.iter_mut().zip(&ladder.rungs) {
            if let Some(found) = self.publications.get(&rung.id) {
                of_rung.packets = found.counters.packets;
                of_rung.frames = found.counters.frames;
                is_stalled &= found.is_stalled || found.last_media.is_none();
            }
        }
        if is_stalled && !ladder.is_stalled {
            ladder.is_stalled = true;
            out.event(Event::PublicationStalled(ladder.owner, id));
        }
        if ladder.wants_rates(now) {
            let bps = ladder.rungs.iter().map(|rung| {
                let found = self.publications.get(&rung.id);
                found.map_or(0, |found| found.bitrate.bps(now))
            });
            let bps: Vec<_> = bps.collect();
            ladder.on_rates(&bps, now);
        }
        let has_stopped = ladder.observe(&counters, now);
        for rung in ladder.rungs.iter().filter(|rung| !rung.is_sending) {
            if let Some(found) = self.publications.get_mut(&rung.id) {
                found.is_idle = true;
            }
        }
        has_stopped
    }

    /// Lets the recorder follow the layers: at the next key frame when there is a recorder, else at once.
    fn follow_with_feed(&mut self, id: PublicationId, now: Nanos, out: &mut impl Egress) {
        let Some(ladder) = self.ladders.get_mut(&id) else {
            return;
        };
        let next = ladder.better_feed(now);
        if next == ladder.fed_next && next.is_none() {
            return;
        }
        ladder.fed_next = next;
        let is_recorded = self
            .rooms
            .get(&ladder.room)
            .is_some_and(|room| room.recording.is_some() && room.slots_of(id).next().is_some());
        match next.map(|index| id.layer(index)) {
            Some(layer) if is_recorded => self.want_keyframe(layer, now),
            Some(layer) => self.feed_layer(layer, now, out),
            None => {}
        }
    }

    /// The recorder gets this layer from now on.
    fn feed_layer(&mut self, layer: PublicationId, now: Nanos, out: &mut impl Egress) {
        let id = layer.base();
        let Some(ladder) = self.ladders.get_mut(&id) else {
            return;
        };
        ladder.fed = layer.layer_index();
        ladder.fed_next = None;
        let name = ladder.room.clone();
        let slots: Vec<_> = self
            .rooms
            .get(&name)
            .map(|room| room.slots_of(id).collect())
            .unwrap_or_default();
        for slot in slots {
            self.feed_source(&name, slot, now, out);
        }
        let report = self.publications.get(&layer);
        if let Some(report) = report.and_then(|found| found.last_report.clone()) {
            self.feed_packet(layer, &report, true, false, now, out);
        }
    }

    /// Keeps a sender report of a layer and hands it to the recorder, if that has this layer.
    pub(super) fn feed_report(
        &mut self,
        id: PublicationId,
        compound: &[u8],
        now: Nanos,
        out: &mut impl Egress,
    ) {
        let found = self.publications.get_mut(&id);
        if let Some(layer) = found.filter(|found| found.rid.is_some()) {
            layer.last_report = Some(Arc::from(compound));
        }
        self.feed_packet(id, compound, true, false, now, out);
    }
}

/// Smaller is more important: program, then a screen, then cameras.
fn importance(slot: Slot, is_screen: bool) -> u8 {
    match (slot.index(), is_screen) {
        (0, _) => 0,
        (_, true) => 1,
        (_, false) => 2,
    }
}
