//! Newcomers: an output that starts to show a publication gets the cached group of pictures, when there is one worth it, else waits
//! for a key frame. A group goes out in portions, because a burst of it would not fit the receive buffer of a browser's socket.

use super::egress::Egress;
use super::model::{MILLISECOND, MediaKind, Nanos, SessionId};
use super::output::Source;
use super::relay::Relay;

/// Packets of a portion: a quarter of what 128 KiB of socket buffer hold (Chromium's, Linux).
const PORTION: u64 = 16;
/// Between two portions: about 45 Mbit/s to each newcomer.
const PAUSE: Nanos = 3 * MILLISECOND;

impl Relay {
    /// An output awaits an entry point: it gets one from the cache, or the publisher is asked for one.
    pub(super) fn begin_output(&mut self, session: SessionId, index: usize, now: Nanos) {
        let Some(peer) = self.peers.get_mut(&session) else {
            return;
        };
        let can_send = peer.path().is_some() && peer.sending.is_some();
        let Some(output) = peer.outputs.get_mut(index) else {
            return;
        };
        let Some(target) = output.wanted else {
            return;
        };
        let found = self
            .publications
            .get(&target)
            .filter(|found| can_send && found.spec.kind == MediaKind::Video);
        if let Some(publication) = found {
            let (cache, asked) = (&publication.cache, publication.keyframes.last_sent());
            let group = publication.highest.and_then(|highest| {
                let from = publication.gop.replayable(cache, highest, asked, now)?;
                Some((from, highest))
            });
            let source = Source {
                key: publication.key(),
                codec: publication.spec.codec,
                cache,
                clock: &publication.clock,
            };
            if group.is_some_and(|(from, highest)| output.rewind(source, from, highest, now)) {
                if self.replays.is_empty() {
                    self.next_replay = now;
                }
                self.replays.push((session, output.ssrc));
                return;
            }
        }
        self.want_keyframe(target, now);
    }

    /// Sends the next portion of every group that is being shown again.
    pub(super) fn go_on_with_replays(&mut self, now: Nanos, out: &mut impl Egress) {
        if self.replays.is_empty() || now < self.next_replay {
            return;
        }
        self.next_replay = now + PAUSE;
        let mut replays = std::mem::take(&mut self.replays);
        replays.retain(|(session, ssrc)| self.replay_portion(*session, *ssrc, now, out));
        replays.append(&mut self.replays);
        self.replays = replays;
    }

    /// Sends one portion to one output; returns whether more is to come.
    fn replay_portion(
        &mut self,
        session: SessionId,
        ssrc: u32,
        now: Nanos,
        out: &mut impl Egress,
    ) -> bool {
        let Some(peer) = self.peers.get_mut(&session) else {
            return false;
        };
        let path = peer.path();
        let Some(output) = peer.outputs.iter_mut().find(|output| output.ssrc == ssrc) else {
            return false;
        };
        let Some(next) = output.replay else {
            return false;
        };
        let shown = output.line.current().map(|switch| switch.source);
        let publication = output.shown().and_then(|id| self.publications.get(&id));
        let publication = publication.filter(|found| Some(found.key()) == shown);
        let (Some(publication), Some((socket, address)), Some(context)) =
            (publication, path, &peer.sending)
        else {
            // The source started anew, or the viewer is away: both begin again by themselves.
            (output.replay, output.is_awaiting) = (None, true);
            return false;
        };
        let source = Source {
            key: publication.key(),
            codec: publication.spec.codec,
            cache: &publication.cache,
            clock: &publication.clock,
        };
        let was_started = output.line.is_started();
        let end = publication.highest.map_or(next, |highest| highest + 1);
        let until = end.min(next + PORTION);
        for sequence in next..until {
            output.replay = Some(sequence + 1);
            if publication.gop.is_probe(sequence) {
                output.skip(source.key, sequence, now);
                continue;
            }
            out.datagram(socket, address, |buffer| {
                let written = output.forward(source, sequence, now, context, buffer);
                if written > 0 {
                    peer.counters.packets_out += 1;
                    peer.counters.bytes_out += written as u64;
                }
                written
            });
        }
        if !was_started && output.line.is_started() {
            // Lip sync needs a sender report early.
            (peer.next_report, peer.report_round) = (now, 0);
        }
        if until < end {
            return true;
        }
        output.replay = None;
        false
    }
}
