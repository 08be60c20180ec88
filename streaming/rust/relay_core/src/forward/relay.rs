//! The relay as one state machine: its tables and what commands do to them.
//!
//! Drive it like this: [`Relay::datagram`] for each datagram of a receive batch, then [`Relay::end_batch`] once; [`Relay::command`] for
//! commands (followed by `end_batch`, too); [`Relay::tick`] when [`Relay::next_wakeup`] has come. Time never goes backwards.
//! Media packets live in `ingress` (in), `fanout` (out); RTCP in `feedback` (in), `reports` (out).

use std::sync::Arc;

use hashbrown::HashMap;

use super::command::{Command, Config, SessionKeys};
use super::egress::{Egress, FeedItem, FeedSource};
use super::flood::Strangers;
use super::ladder::Ladder;
use super::mirror::WorkerIndex;
use super::model::{MediaKind, Nanos, OutputSpec, PublicationId, PublicationSpec, SessionId, Slot};
use super::output::Output;
use super::peer::{Credentials, Path, Peer};
use super::publication::Publication;
use super::room::{Room, mix, room_number};
use super::snapshot::DropCounters;
use super::totals::Totals;

/// The sans-I/O relay.
pub struct Relay {
    pub(super) config: Config,
    pub(super) peers: HashMap<SessionId, Peer>,
    pub(super) ufrags: HashMap<String, SessionId>,
    pub(super) addresses: HashMap<Path, SessionId>,
    pub(super) publications: HashMap<PublicationId, Publication>,
    /// Simulcast publications; their layers are in `publications`.
    pub(super) ladders: HashMap<PublicationId, Ladder>,
    pub(super) rooms: HashMap<Arc<str>, Room>,
    pub(super) dropped: DropCounters,
    /// Of sessions and publications that are gone, and of our feedback to publishers.
    pub(super) totals: Totals,
    /// Publications with something in `fresh`.
    pub(super) touched: Vec<PublicationId>,
    /// Publications whose key frame request changed since the last drive.
    pub(super) attention: Vec<PublicationId>,
    /// Who watches what may have changed since the last review.
    pub(super) is_watch_stale: bool,
    /// Outputs (by session and SSRC) that are being shown a cached group of pictures, and when they go on.
    pub(super) replays: Vec<(SessionId, u32)>,
    pub(super) next_replay: Nanos,
    /// Simulcast publications with a layer that began to send.
    pub(super) awoken: Vec<PublicationId>,
    /// When the loudest voices are chosen next.
    pub(super) next_review: Nanos,
    pub(super) scratch: Vec<u8>,
    pub(super) due: Vec<u16>,
    pub(super) last_tick: Nanos,
    pub(super) strangers: Strangers,
    random: u64,
}

impl Relay {
    /// An empty relay.
    pub fn new(config: Config, now: Nanos) -> Self {
        let strangers = Strangers::new(mix(config.seed.rotate_left(32)));
        Self {
            random: mix(config.seed ^ config.worker as u64),
            config,
            peers: HashMap::new(),
            ufrags: HashMap::new(),
            addresses: HashMap::new(),
            publications: HashMap::new(),
            ladders: HashMap::new(),
            rooms: HashMap::new(),
            dropped: DropCounters::default(),
            totals: Totals::default(),
            touched: Vec::with_capacity(16),
            attention: Vec::with_capacity(16),
            is_watch_stale: false,
            replays: Vec::new(),
            next_replay: now,
            awoken: Vec::new(),
            next_review: now,
            scratch: Vec::with_capacity(2048),
            due: Vec::with_capacity(256),
            last_tick: now,
            strangers,
        }
    }

    /// Carries out a command. Unknown ids are ignored: the peer may just have gone.
    pub fn command(&mut self, now: Nanos, command: Command, out: &mut impl Egress) {
        self.is_watch_stale |= self.config.workers > 1 && command.changes_watchers();
        match command {
            Command::AddSession {
                session,
                room,
                ufrag,
                pwd,
            } => self.add_session(session, &room, Credentials { ufrag, pwd }, now),
            Command::RestartIce(session, ufrag, pwd) => {
                self.restart_ice(session, Credentials { ufrag, pwd })
            }
            Command::SendDtls(session, datagram) => self.send_dtls(session, &datagram, out),
            Command::SetKeys(session, keys) => self.set_keys(session, keys, now),
            Command::CloseSession(session) => self.close_session(session, now, out),
            Command::Publish(session, publication, spec) => {
                self.publish(session, publication, spec, now, out)
            }
            Command::Mirror {
                publication,
                session,
                worker,
                room,
                spec,
            } => self.mirror(publication, (worker, session), &room, spec, (now, out)),
            Command::Unpublish(publication) => self.unpublish(publication, now, out),
            Command::Subscribe(session, specs) => self.subscribe(session, &specs, now),
            Command::SetSlot(room, slot, publication) => {
                self.pin(&room, slot, publication.is_some());
                self.set_slot(&room, slot, publication, now, out)
            }
            Command::SetRecording(room, recording) => {
                self.set_recording(&room, recording.as_deref(), now, out)
            }
            Command::RequestKeyframe(publication) => self.want_any_keyframe(publication, now),
            Command::RequestSlotKeyframe { room_number, slot } => {
                let room = self.rooms.values().find(|room| room.number == room_number);
                if let Some(publication) = room.and_then(|room| room.slots[slot.index()]) {
                    self.want_fed_keyframe(publication, now);
                }
            }
        }
    }

    /// Somebody waits for a key frame of a publication or layer; of a layer that never sent there is nobody to ask.
    pub(super) fn want_keyframe(&mut self, id: PublicationId, now: Nanos) {
        if let Some(publication) = self.publications.get_mut(&id).filter(|found| {
            found.spec.kind == MediaKind::Video
                && (found.rid.is_none() || found.ssrc.is_some() || found.mirror_of.is_some())
        }) {
            publication.keyframes.want(now);
            self.attention.push(id);
        }
    }

    /// The next number of splitmix64.
    pub(super) fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.random)
    }

    fn add_session(&mut self, id: SessionId, room: &str, credentials: Credentials, now: Nanos) {
        if self.peers.contains_key(&id) {
            return;
        }
        let random = self.random();
        let room = self.room_mut(room);
        room.members.push(id);
        let name = room.name.clone();
        self.ufrags.insert(credentials.ufrag.clone(), id);
        self.peers
            .insert(id, Peer::new(id, name, credentials, random, now));
    }

    fn restart_ice(&mut self, id: SessionId, credentials: Credentials) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        self.ufrags.insert(credentials.ufrag.clone(), id);
        let old = std::mem::replace(&mut peer.credentials, credentials);
        if let Some(older) = peer.previous.replace(old) {
            self.ufrags.remove(&older.ufrag);
        }
    }

    fn send_dtls(&mut self, id: SessionId, datagram: &[u8], out: &mut impl Egress) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        let Some((socket, address)) = peer.path() else {
            return;
        };
        if !peer.may_be_sent(datagram.len()) {
            self.dropped.dtls_excess += 1;
            return;
        }
        out.datagram(socket, address, |buffer| {
            let Some(target) = buffer.get_mut(..datagram.len()) else {
                return 0;
            };
            target.copy_from_slice(datagram);
            datagram.len()
        });
    }

    fn set_keys(&mut self, id: SessionId, keys: SessionKeys, now: Nanos) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        // Python checks the lengths first, so keys that do not fit are a defect there; without keys nothing is sent.
        if peer.set_keys(keys).unwrap_or(false) {
            let owned = peer.publications.clone();
            (peer.next_report, peer.report_round) = (now, 0); // Without REMB a browser starts slowly.
            self.restart_outputs(id, now);
            for publication in owned {
                self.want_keyframe(publication, now);
            }
        }
    }

    /// All outputs of a viewer start anew, as [`Relay::begin_output`] says.
    pub(super) fn restart_outputs(&mut self, id: SessionId, now: Nanos) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        let outputs = 0..peer.outputs.len();
        peer.outputs.iter_mut().for_each(Output::restart);
        for index in outputs {
            self.begin_output(id, index, now);
        }
    }

    fn close_session(&mut self, id: SessionId, now: Nanos, out: &mut impl Egress) {
        let Some(publications) = self.peers.get(&id).map(|peer| peer.publications.clone()) else {
            return;
        };
        for publication in publications {
            self.unpublish(publication, now, out);
        }
        let Some(peer) = self.peers.remove(&id) else {
            return;
        };
        self.totals.add_peer(&peer.counters);
        self.ufrags.retain(|_, owner| *owner != id);
        for path in &peer.checked {
            if self.addresses.get(path) == Some(&id) {
                self.addresses.remove(path);
                out.route(path.0, path.1, false);
            }
        }
        if let Some(room) = self.rooms.get_mut(&peer.room) {
            room.members.retain(|member| *member != id);
            room.viewers.retain(|member| *member != id);
        }
        self.drop_room_if_empty(&peer.room);
    }

    fn publish(
        &mut self,
        owner: SessionId,
        id: PublicationId,
        spec: PublicationSpec,
        now: Nanos,
        out: &mut impl Egress,
    ) {
        let Some(peer) = self.peers.get_mut(&owner) else {
            return;
        };
        if self.publications.contains_key(&id) || self.ladders.contains_key(&id) {
            return;
        }
        let name = peer.room.clone();
        peer.publications.extend(spec.sources(id));
        if let Some(extension) = spec.send_time_ext.filter(|_| spec.remb) {
            peer.inbound
                .get_or_insert_with(|| (extension, Box::default()));
        }
        self.register(id, (None, owner), name, &spec, now, out);
    }

    /// A publication, or a mirror of one, exists from now on; a slot may have been promised to it already.
    pub(super) fn register(
        &mut self,
        id: PublicationId,
        (mirror_of, owner): (Option<WorkerIndex>, SessionId),
        name: Arc<str>,
        spec: &PublicationSpec,
        now: Nanos,
        out: &mut impl Egress,
    ) {
        for source in spec.sources(id) {
            let mut publication = Publication::new(source, owner, name.clone(), spec.clone());
            publication.mirror_of = mirror_of;
            self.publications.insert(source, publication);
        }
        if !spec.rids.is_empty() {
            let mut ladder = Ladder::new(id, owner, name.clone(), &spec.rids);
            ladder.mirror_of = mirror_of;
            self.ladders.insert(id, ladder);
        }
        self.take_from_other_rooms(id, &name, now, out);
        let shown: Vec<_> = self
            .rooms
            .get(&name)
            .map(|room| room.slots_of(id).collect())
            .unwrap_or_default();
        for slot in shown {
            self.feed_source(&name, slot, now, out);
        }
    }

    /// Slots of other rooms were promised it before anybody knew whose it is: they show nothing.
    fn take_from_other_rooms(
        &mut self,
        id: PublicationId,
        name: &str,
        now: Nanos,
        out: &mut impl Egress,
    ) {
        let mut foreign = Vec::new();
        for room in self.rooms.values().filter(|room| &*room.name != name) {
            foreign.extend(room.slots_of(id).map(|slot| (room.name.clone(), slot)));
        }
        for (room, slot) in foreign {
            self.set_slot(&room, slot, None, now, out);
        }
    }

    fn unpublish(&mut self, id: PublicationId, now: Nanos, out: &mut impl Egress) {
        let id = id.base();
        let Some((owner, name)) = self.owner_of(id) else {
            return;
        };
        self.ladders.remove(&id);
        let totals = &mut self.totals;
        self.publications.retain(|source, publication| {
            let goes = source.base() == id;
            if goes && publication.mirror_of.is_none() {
                totals.add_publication(&publication.counters);
            }
            !goes
        });
        self.touched.retain(|touched| touched.base() != id);
        if let Some(peer) = self.peers.get_mut(&owner) {
            peer.publications.retain(|owned| owned.base() != id);
        }
        let slots: Vec<_> = self
            .rooms
            .get(&name)
            .map(|room| room.slots_of(id).collect())
            .unwrap_or_default();
        for slot in slots {
            self.set_slot(&name, slot, None, now, out);
        }
    }

    fn subscribe(&mut self, id: SessionId, specs: &[OutputSpec], now: Nanos) {
        let mut randoms = Vec::with_capacity(specs.len());
        randoms.resize_with(specs.len(), || self.random());
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        let Some(room) = self.rooms.get_mut(&peer.room) else {
            return;
        };
        for output in &mut peer.outputs {
            output.is_retired = true;
            output.show(None);
        }
        for (spec, random) in specs.iter().zip(randoms) {
            let target = room.slots[spec.slot.index()];
            let known = peer
                .outputs
                .iter()
                .position(|output| output.ssrc == spec.ssrc);
            let index = known.unwrap_or_else(|| {
                peer.outputs.push(Output::new(spec, random));
                peer.outputs.len() - 1
            });
            peer.outputs[index].negotiate(spec);
            peer.outputs[index].show(target);
        }
        if !room.viewers.contains(&id) {
            room.viewers.push(id);
        }
        let has_keys = peer.keys.is_some();
        self.choose_layers(id, now);
        if has_keys {
            self.restart_outputs(id, now);
        }
    }

    /// Python directs a slot that loudness would choose, or leaves it to that again.
    fn pin(&mut self, name: &str, slot: Slot, is_pinned: bool) {
        let [_, chosen @ ..] = Slot::SOUND;
        if let Some(index) = chosen.iter().position(|chosen| *chosen == slot) {
            self.room_mut(name).speakers.is_pinned[index] = is_pinned;
        }
    }

    pub(super) fn set_slot(
        &mut self,
        name: &str,
        slot: Slot,
        id: Option<PublicationId>,
        now: Nanos,
        out: &mut impl Egress,
    ) {
        // A slot never shows what another room publishes, whoever asks.
        let owner = id.and_then(|id| self.owner_of(id));
        if owner.is_some_and(|(_, room)| &*room != name) {
            return;
        }
        let room = self.room_mut(name);
        if room.slots[slot.index()] == id {
            self.drop_room_if_empty(name);
            return;
        }
        room.slots[slot.index()] = id;
        let name = room.name.clone();
        let viewers = room.viewers.clone();
        for viewer in viewers {
            let Some(peer) = self.peers.get(&viewer) else {
                continue;
            };
            let (has_keys, outputs) = (peer.keys.is_some(), peer.outputs.len());
            for index in 0..outputs {
                let Some(output) = self
                    .peers
                    .get_mut(&viewer)
                    .map(|peer| &mut peer.outputs[index])
                    .filter(|output| output.slot == slot && !output.is_retired)
                else {
                    continue;
                };
                if output.show(id) && has_keys {
                    self.begin_output(viewer, index, now);
                }
            }
            self.choose_layers(viewer, now);
        }
        self.feed_source(&name, slot, now, out);
        let is_recorded = self
            .rooms
            .get(&name)
            .is_some_and(|room| room.recording.is_some());
        if let Some(id) = id.filter(|_| is_recorded) {
            self.want_fed_keyframe(id, now);
        }
        self.drop_room_if_empty(&name);
    }

    fn set_recording(
        &mut self,
        name: &str,
        recording: Option<&str>,
        now: Nanos,
        out: &mut impl Egress,
    ) {
        let room = self.room_mut(name);
        if room.recording.as_deref() == recording {
            self.drop_room_if_empty(name);
            return;
        }
        let name = room.name.clone();
        let room_number = room.number;
        let previous = std::mem::replace(&mut room.recording, recording.map(Arc::from));
        let current = room.recording.clone();
        if let Some(recording) = previous {
            out.feed(FeedItem::End { recording, at: now });
        }
        if let Some(recording) = current {
            out.feed(FeedItem::Start {
                recording,
                room_number,
                room: name.clone(),
            });
            for slot in (0..Slot::COUNT).filter_map(Slot::from_index) {
                self.feed_source(&name, slot, now, out);
                if let Some(id) = self
                    .rooms
                    .get(&name)
                    .and_then(|room| room.slots[slot.index()])
                {
                    self.want_fed_keyframe(id, now);
                }
            }
        }
        self.drop_room_if_empty(&name);
    }

    pub(super) fn feed_source(&self, name: &str, slot: Slot, now: Nanos, out: &mut impl Egress) {
        let Some(room) = self.rooms.get(name) else {
            return;
        };
        let Some(recording) = room.recording.clone() else {
            return;
        };
        let shown =
            room.slots[slot.index()].and_then(|id| self.publications.get(&self.fed_source(id)));
        let source = shown.map(|publication| FeedSource {
            publication: publication.id,
            codec: publication.spec.codec,
            clock_rate: publication.spec.clock_rate,
            payload_type: publication.media_payload_type(),
            kind: publication.spec.kind,
            source: publication.spec.source.clone(),
        });
        out.feed(FeedItem::Source {
            recording,
            at: now,
            slot,
            source,
        });
    }

    fn room_mut(&mut self, name: &str) -> &mut Room {
        let number = room_number(self.config.seed, name);
        let name: Arc<str> = Arc::from(name);
        self.rooms
            .entry(name.clone())
            .or_insert_with(|| Room::new(name, number))
    }

    fn drop_room_if_empty(&mut self, name: &str) {
        if self.rooms.get(name).is_some_and(Room::is_empty) {
            self.rooms.remove(name);
        }
    }
}
