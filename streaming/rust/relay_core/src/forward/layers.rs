//! Which layer of a simulcast publication each viewer gets, and the recorder.
//!
//! What a layer is stands in `ladder`; how a viewer's packets go over from one layer to another, in `output`.

use std::sync::Arc;

use super::egress::{Egress, Event};
use super::ladder::RungCounters;
use super::model::{Nanos, PublicationId, SessionId};
use super::relay::Relay;

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
        let has_keys = peer.keys.is_some();
        let mut waited_for = Vec::new();
        for (index, output) in peer.outputs.iter_mut().enumerate() {
            let Some(ladder) = output.target.and_then(|id| self.ladders.get(&id)) else {
                continue;
            };
            let wanted = ladder.nearest(ladder.top()).unwrap_or_default();
            if output.want(ladder.id.layer(wanted)) && has_keys {
                waited_for.push((index, output.is_awaiting, ladder.id.layer(wanted)));
            }
        }
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
        }
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
    }
}
