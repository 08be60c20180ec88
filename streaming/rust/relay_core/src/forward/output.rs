//! One receive slot of one viewer: writes packets for it. The only place where bytes towards a viewer are composed.
//!
//! Hot path: no allocation, no lookup; header, payload copy, seal. Which packets, and when, is the fan-out's matter.

use super::cache::{PacketCache, PacketMeta};
use super::capture_clock::{CaptureClock, ticks_between};
use super::line::{Line, SourceKey, Switch};
use super::model::{Codec, MILLISECOND, Nanos, OutputPayload, OutputSpec, PublicationId, Slot};
use super::publication::Fresh;
use super::squeeze::Group;
use crate::rtp::{FIXED_HEADER_LEN, extension};
use crate::sequence;
use crate::srtp::SrtpContext;

/// Resends remembered to answer a repeated NACK once per round trip.
const GUARD: usize = 64;
/// Bounds of the round trip used for that.
const GUARD_MIN: Nanos = 5 * MILLISECOND;
const GUARD_MAX: Nanos = 200 * MILLISECOND;
const GUARD_DEFAULT: Nanos = 30 * MILLISECOND;
/// What is shown again ends no longer ago than this: above what the next live frame may have been delayed.
const OLDEST_EDGE: Nanos = 200 * MILLISECOND;

/// The longest a layer's entry point waits for the end of the frame before it; the frame's rest may be lost.
const HOLD: Nanos = 30 * MILLISECOND;

/// A receive slot of a viewer.
pub(crate) struct Output {
    pub slot: Slot,
    pub ssrc: u32,
    pub rtx_ssrc: Option<u32>,
    pub cname: String,
    /// A subscription no longer names it; kept, because its numbers must not be used again under the same keys.
    pub is_retired: bool,
    /// What the slot shows now.
    pub target: Option<PublicationId>,
    /// The source to show of it: itself, or one of its layers.
    pub wanted: Option<PublicationId>,
    /// The source shown, as long as it goes on until an entry point of the wanted one.
    shown: Option<PublicationId>,
    /// An entry point of the wanted layer that waits for the frame before it, and since when.
    held: Option<(u64, Nanos)>,
    /// The last packet sent did not end its frame.
    is_mid_frame: bool,
    /// Nothing is sent until an entry point comes.
    pub is_awaiting: bool,
    /// The next packet of a cached group that is being shown again; live packets wait behind it.
    pub replay: Option<u64>,
    pub line: Line,
    pub packets: u64,
    pub octets: u64,
    /// Highest extended sequence number a receiver report confirmed.
    pub confirmed: u64,
    payload_types: [Option<OutputPayload>; 3],
    mid_extension: Vec<u8>,
    /// The receiver knows the SSRC from this output number on, so MID is left out.
    mid_until: Option<u64>,
    rtx_index: u64,
    anchor: Option<(Nanos, u32)>,
    /// RTP clock in Hz of what was shown last: the line goes on in it when the source is gone.
    rate: u32,
    first_timestamp: u32,
    resent: Vec<(u64, Nanos)>,
}

/// The packets of one publication and how to read them.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub key: SourceKey,
    pub codec: Codec,
    pub cache: &'a PacketCache,
    pub clock: &'a CaptureClock,
}

impl Output {
    pub fn new(spec: &OutputSpec, random: u64) -> Self {
        let mut output = Self {
            slot: spec.slot,
            ssrc: spec.ssrc,
            rtx_ssrc: None,
            cname: String::new(),
            is_retired: false,
            target: None,
            wanted: None,
            shown: None,
            held: None,
            is_mid_frame: false,
            is_awaiting: true,
            replay: None,
            line: Line::new(random as u16),
            packets: 0,
            octets: 0,
            confirmed: 0,
            payload_types: [None; 3],
            mid_extension: Vec::new(),
            mid_until: None,
            rtx_index: (random >> 16) & 0x3fff,
            anchor: None,
            rate: 90_000,
            first_timestamp: (random >> 32) as u32,
            resent: Vec::new(),
        };
        output.negotiate(spec);
        output
    }

    /// Takes over what was negotiated; numbers go on where they were. MID is decided once: resends must stay the same bytes.
    pub fn negotiate(&mut self, spec: &OutputSpec) {
        self.is_retired = false;
        self.slot = spec.slot;
        self.rtx_ssrc = spec.rtx_ssrc;
        self.cname.clone_from(&spec.cname);
        for (codec, payload) in &spec.payload_types {
            self.payload_types[codec.index()] = Some(*payload);
        }
        if let Some(id) = spec
            .mid_ext
            .filter(|_| !spec.mid.is_empty() && !self.line.is_started())
        {
            self.mid_extension.clear();
            extension::write(&mut self.mid_extension, &[(id, spec.mid.as_bytes())]);
        }
    }

    /// Shows another publication, or nothing; what was sent stays answerable.
    pub fn show(&mut self, target: Option<PublicationId>) -> bool {
        let changed = self.target != target;
        if changed {
            self.target = target;
            self.wanted = target;
            self.restart();
        }
        changed
    }

    /// Nothing more is sent until an entry point of the wanted source.
    pub fn restart(&mut self) {
        self.is_awaiting = true;
        (self.shown, self.held, self.is_mid_frame) = (None, None, false);
        self.replay = None;
    }

    /// Packets of a source were lost on their way here: what showed it waits for the next entry point.
    pub fn lose(&mut self, source: PublicationId) {
        if self.shown == Some(source) {
            self.restart();
        } else if self.wanted == Some(source) {
            self.held = None;
        }
    }

    /// Shows another layer from its next entry point on; tells whether that is news.
    pub fn want(&mut self, layer: PublicationId) -> bool {
        let changed = self.wanted != Some(layer);
        if changed {
            (self.wanted, self.held) = (Some(layer), None);
        }
        changed
    }

    /// The source that is shown; None while nothing is.
    pub fn shown(&self) -> Option<PublicationId> {
        self.shown
    }

    /// Whether an old layer is shown until the wanted one can be entered.
    #[inline]
    pub fn is_switching(&self) -> bool {
        self.shown.is_some() && self.shown != self.wanted
    }

    /// Whether packets of a source may be for this output.
    #[inline]
    pub fn follows(&self, source: PublicationId) -> bool {
        self.wanted == Some(source) || self.shown == Some(source)
    }

    /// Goes over from one layer to another, without tearing a frame: the old one goes on to the end of its frame, the wanted one waits
    /// for that behind its entry point. Calls `send` for what is due; returns the source to serve next.
    pub fn switch_over(
        &mut self,
        source: Source<'_>,
        fresh: &[Fresh],
        now: Nanos,
        mut send: impl FnMut(&mut Self, u64),
    ) -> Option<PublicationId> {
        let packets = fresh.iter().filter_map(|item| match item {
            Fresh::Packet(sequence) => Some(*sequence),
            Fresh::Probe(_) => None,
        });
        if self.shown == Some(source.key.publication) {
            for item in fresh {
                match *item {
                    _ if self.held.is_some() && !self.is_mid_frame => break,
                    Fresh::Packet(sequence) if self.is_ahead(sequence) => {}
                    Fresh::Packet(sequence) => send(self, sequence),
                    Fresh::Probe(sequence) => self.skip(source.key, sequence, now),
                }
            }
            return self
                .wanted
                .filter(|_| self.held.is_some() && !self.is_mid_frame);
        }
        if self.held.is_none() {
            let is_entry = |sequence: &u64| {
                let found = source.cache.get(*sequence);
                found.is_some_and(|(meta, _)| meta.is_entry)
            };
            self.held = packets.into_iter().find(is_entry).map(|from| (from, now));
        }
        let (from, since) = self.held?;
        if self.is_mid_frame && now.saturating_sub(since) < HOLD {
            return None;
        }
        self.restart();
        for sequence in from..=source.cache.highest().unwrap_or(from) {
            send(self, sequence);
        }
        None
    }

    /// Writes the protected packet for the viewer; 0 = not for this viewer.
    #[inline]
    pub fn forward(
        &mut self,
        source: Source<'_>,
        sequence: u64,
        now: Nanos,
        context: &SrtpContext,
        buffer: &mut [u8],
    ) -> usize {
        let Some(payload_type) = self.payload_types[source.codec.index()] else {
            return 0;
        };
        let Some((meta, payload)) = source.cache.get(sequence) else {
            return 0;
        };
        let restarted = self.line.current().is_some_and(|switch| {
            switch.source.publication == source.key.publication
                && switch.source.generation != source.key.generation
        });
        if self.is_awaiting || restarted {
            self.is_awaiting = !meta.is_entry;
            if self.is_awaiting {
                return 0; // A late packet of before can still be had by NACK.
            }
            self.enter(source, meta, now);
        }
        let Some((output, switch)) = self.line.place(source.key, meta) else {
            return 0;
        };
        if output + 1 == self.line.next_output() {
            self.is_mid_frame = !meta.marker;
        }
        let written = self.compose(
            payload_type.media,
            (meta, payload),
            (output, &switch),
            context,
            buffer,
        );
        if written > 0 {
            self.packets += 1;
            self.octets += payload.len() as u64;
        }
        written
    }

    /// A probe was dropped.
    pub fn skip(&mut self, source: SourceKey, sequence: u64, now: Nanos) {
        if !self.is_awaiting && !self.is_ahead(sequence) {
            self.line.skip(source, sequence, now);
        }
    }

    /// Whether a packet has to wait until what is shown again has been sent.
    #[inline]
    pub fn is_ahead(&self, sequence: u64) -> bool {
        self.replay.is_some_and(|next| sequence >= next)
    }

    /// The output number a NACK is about and the source packet behind it, unless it was resent within a round trip.
    pub fn lookup_nack(
        &mut self,
        lost: u16,
        now: Nanos,
        rtt: Option<Nanos>,
    ) -> Option<(u64, Switch, u64)> {
        let output = sequence::extend(self.line.next_output().saturating_sub(1), lost);
        let (switch, source_sequence) = self.line.source_of(output, now)?;
        let guard = rtt.map_or(GUARD_DEFAULT, |rtt| rtt.clamp(GUARD_MIN, GUARD_MAX));
        if self.resent.is_empty() {
            self.resent = vec![(0, 0); GUARD];
        }
        let slot = &mut self.resent[output as usize % GUARD];
        if slot.0 == output && now.saturating_sub(slot.1) < guard {
            return None;
        }
        *slot = (output, now);
        Some((output, switch, source_sequence))
    }

    /// Writes a resent packet: as RTX (RFC 4588) or, without it, the very same bytes again.
    pub fn resend(
        &mut self,
        source: Source<'_>,
        found: (u64, Switch, u64),
        context: &SrtpContext,
        buffer: &mut [u8],
    ) -> usize {
        let (output, switch, sequence) = found;
        let Some(payload_type) = self.payload_types[source.codec.index()] else {
            return 0;
        };
        let Some((meta, payload)) = source.cache.get(sequence) else {
            return 0;
        };
        let (Some(rtx), Some(rtx_ssrc)) = (payload_type.rtx, self.rtx_ssrc) else {
            return self.compose(
                payload_type.media,
                (meta, payload),
                (output, &switch),
                context,
                buffer,
            );
        };
        let index = self.rtx_index;
        self.rtx_index += 1;
        write_header(
            buffer,
            rtx,
            meta.marker,
            index as u16,
            switch.timestamp_of(meta),
            rtx_ssrc,
        );
        buffer[FIXED_HEADER_LEN..FIXED_HEADER_LEN + 2]
            .copy_from_slice(&(output as u16).to_be_bytes());
        let start = FIXED_HEADER_LEN + 2;
        let end = start + payload.len();
        buffer[start..end].copy_from_slice(payload);
        rewrite_picture(meta, &switch, &mut buffer[start..end]);
        context
            .protect_rtp_slice(buffer, FIXED_HEADER_LEN, end, index)
            .unwrap_or(0)
    }

    /// The output timestamp of `now`, for a sender report; also moves the line's anchor along.
    pub fn timestamp_at(&mut self, clock: Option<&CaptureClock>, now: Nanos) -> Option<u32> {
        let switch = self.line.current()?;
        if let Some(timestamp) = clock.and_then(|clock| clock.timestamp_at(now)) {
            self.anchor = Some((now, timestamp.wrapping_add(switch.timestamp_offset)));
        }
        let (at, timestamp) = self.anchor?;
        Some(timestamp.wrapping_add(ticks_between(at, now, self.rate)))
    }

    /// A receiver report named this SSRC: the receiver can tell it without MID.
    pub fn on_reported(&mut self) {
        self.mid_until.get_or_insert(self.line.next_output());
    }

    /// Starts with a cached group of pictures, from packet `from` to `highest`; [`Output::replay`] says what of it is still to be sent.
    pub fn rewind(&mut self, source: Source<'_>, from: u64, highest: u64, now: Nanos) -> bool {
        let packets = (from..=highest).filter_map(|sequence| source.cache.get(sequence));
        let group = Group::of(packets.map(|(meta, _)| meta));
        let (Some(group), Some((first, _)), Some(_)) = (
            group,
            source.cache.get(from),
            self.payload_types[source.codec.index()],
        ) else {
            return false;
        };
        let captured = source.clock.captured_at(group.newest).unwrap_or(now);
        let timestamp = self.place_in_time(source, captured);
        // The picture of a static screen is old; told so, a receiver would hold back the sound to match it.
        let is_whole = source
            .cache
            .get(highest)
            .is_some_and(|(meta, _)| meta.marker);
        let edge = match is_whole {
            true => self.place_in_time(source, captured.max(now.saturating_sub(OLDEST_EDGE))),
            false => timestamp,
        };
        self.line
            .replay_from(source.key, first, group, (timestamp, edge), now);
        (self.is_awaiting, self.replay) = (false, Some(from));
        true
    }

    fn enter(&mut self, source: Source<'_>, meta: &PacketMeta, now: Nanos) {
        let captured = source.clock.captured_at(meta.timestamp).unwrap_or(now);
        let wanted = self.place_in_time(source, captured);
        self.line.switch_to(source.key, meta, wanted, now);
    }

    /// The output timestamp of what a source captured at a time.
    fn place_in_time(&mut self, source: Source<'_>, captured: Nanos) -> u32 {
        let (at, timestamp) = *self.anchor.get_or_insert((captured, self.first_timestamp));
        self.rate = source.clock.rate();
        self.shown = Some(source.key.publication);
        timestamp.wrapping_add(ticks_between(at, captured, self.rate))
    }

    /// Deterministic in (output, switch, payload): a resend must give the same bytes, or GCM would reuse a nonce.
    fn compose(
        &self,
        payload_type: u8,
        (meta, payload): (&PacketMeta, &[u8]),
        (output, switch): (u64, &Switch),
        context: &SrtpContext,
        buffer: &mut [u8],
    ) -> usize {
        let timestamp = switch.timestamp_of(meta);
        write_header(
            buffer,
            payload_type,
            meta.marker,
            output as u16,
            timestamp,
            self.ssrc,
        );
        let mut start = FIXED_HEADER_LEN;
        if self.mid_until.is_none_or(|until| output < until) && !self.mid_extension.is_empty() {
            buffer[0] |= 0x10;
            start += self.mid_extension.len();
            buffer[FIXED_HEADER_LEN..start].copy_from_slice(&self.mid_extension);
        }
        let end = start + payload.len();
        buffer[start..end].copy_from_slice(payload);
        rewrite_picture(meta, switch, &mut buffer[start..end]);
        context
            .protect_rtp_slice(buffer, start, end, output)
            .unwrap_or(0)
    }
}

#[inline]
fn write_header(
    buffer: &mut [u8],
    payload_type: u8,
    marker: bool,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
) {
    buffer[0] = 0x80;
    buffer[1] = (u8::from(marker) << 7) | (payload_type & 0x7f);
    buffer[2..4].copy_from_slice(&sequence.to_be_bytes());
    buffer[4..8].copy_from_slice(&timestamp.to_be_bytes());
    buffer[8..12].copy_from_slice(&ssrc.to_be_bytes());
}

#[inline]
fn rewrite_picture(meta: &PacketMeta, switch: &Switch, payload: &mut [u8]) {
    let Some(vp8) = meta.vp8 else { return };
    if let Some(id) = vp8.picture_id {
        vp8.set_picture_id(
            payload,
            id.value.wrapping_add(switch.picture_offset) & 0x7fff,
        );
    }
    if let Some((_, value)) = vp8.tl0_picture_index {
        vp8.set_tl0_picture_index(payload, value.wrapping_add(switch.tl0_offset));
    }
}

#[cfg(test)]
mod tests {
    use super::super::cache::AUDIO_CAPACITY;
    use super::super::model::SECOND;
    use super::*;
    use crate::srtp::Profile;

    #[test]
    fn the_clock_of_a_slot_goes_on_at_its_rate_when_the_source_has_gone() {
        let payload = OutputPayload {
            media: 111,
            rtx: None,
        };
        let spec = OutputSpec {
            slot: Slot::from_name("A0").expect("a slot"),
            mid: "1".into(),
            ssrc: 1,
            rtx_ssrc: None,
            payload_types: vec![(Codec::Opus, payload)],
            mid_ext: None,
            cname: "c".into(),
        };
        let mut output = Output::new(&spec, 1);
        let (mut cache, mut clock) = (PacketCache::new(AUDIO_CAPACITY), CaptureClock::new(48_000));
        let meta = PacketMeta {
            sequence: 5,
            timestamp: 960,
            marker: false,
            is_entry: true,
            vp8: None,
        };
        cache.insert(meta, b"sound");
        clock.on_packet(meta.timestamp, SECOND);
        let source = Source {
            key: SourceKey {
                publication: PublicationId(1),
                generation: 0,
            },
            codec: Codec::Opus,
            cache: &cache,
            clock: &clock,
        };
        let context = SrtpContext::from_keying_material(Profile::AeadAes128Gcm, &[1; 28])
            .expect("the length of a key");
        assert!(output.forward(source, 5, SECOND, &context, &mut [0; 2048]) > 0);
        let with = output
            .timestamp_at(Some(&clock), 2 * SECOND)
            .expect("placed");
        let without = output.timestamp_at(None, 12 * SECOND).expect("placed");
        assert_eq!(without.wrapping_sub(with), 480_000);
    }
}
