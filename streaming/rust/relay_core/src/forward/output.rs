//! One receive slot of one viewer: writes packets for it. The only place where bytes towards a viewer are composed.
//!
//! Hot path: no allocation, no lookup; header, payload copy, seal. Which packets, and when, is the fan-out's matter.

use super::allocation::Damper;
use super::cache::{PacketCache, PacketMeta};
use super::capture_clock::{CaptureClock, ticks_between};
use super::line::{Line, SourceKey, Switch};
use super::model::{
    Codec, MILLISECOND, Nanos, OutputPayload, OutputSpec, PublicationId, SECOND, Slot,
};
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

/// Where the data of the first element of an extension block lies: behind the block's header and the element's.
const SEND_TIME_AT: usize = 5;

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
    pub(super) shown: Option<PublicationId>,
    /// An entry point of the wanted layer that waits for the frame before it, and since when.
    pub(super) held: Option<(u64, Nanos)>,
    /// The last packet sent did not end its frame.
    pub(super) is_mid_frame: bool,
    /// The layer that the viewer's bandwidth allows, whether it is sent or not.
    pub desired: usize,
    pub damper: Damper,
    /// Packets sent when the last receiver report came.
    pub reported: u64,
    /// Nothing is sent until an entry point comes.
    pub is_awaiting: bool,
    /// It waits because there was more to send than could be sent.
    pub is_left_out: bool,
    /// The next packet of a cached group that is being shown again; live packets wait behind it.
    pub replay: Option<u64>,
    pub line: Line,
    pub packets: u64,
    pub octets: u64,
    /// Highest extended sequence number a receiver report confirmed.
    pub confirmed: u64,
    payload_types: [Option<OutputPayload>; 3],
    /// The header extension with MID, and the one without.
    mid_extension: Vec<u8>,
    extension: Vec<u8>,
    /// Both begin with the time of sending.
    has_send_time: bool,
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
            desired: 0,
            damper: Damper::default(),
            reported: 0,
            is_awaiting: true,
            is_left_out: false,
            replay: None,
            line: Line::new(random as u16),
            packets: 0,
            octets: 0,
            confirmed: 0,
            payload_types: [None; 3],
            mid_extension: Vec::new(),
            extension: Vec::new(),
            has_send_time: false,
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
        if !self.line.is_started() {
            self.negotiate_extensions(spec);
        }
    }

    fn negotiate_extensions(&mut self, spec: &OutputSpec) {
        // The time of sending makes each sending another packet: all resends must be RTX then.
        let has_rtx = |(_, payload): &(Codec, OutputPayload)| payload.rtx.is_some();
        let is_safe = spec.rtx_ssrc.is_some() && spec.payload_types.iter().all(has_rtx);
        let send_time = spec.send_time_ext.filter(|_| is_safe);
        let send_time = send_time.map(|id| (id, &[0; 3][..]));
        let mid = spec.mid_ext.filter(|_| !spec.mid.is_empty());
        let mid = mid.map(|id| (id, spec.mid.as_bytes()));
        self.has_send_time = send_time.is_some();
        for (block, mid) in [(&mut self.extension, None), (&mut self.mid_extension, mid)] {
            block.clear();
            let elements: Vec<_> = send_time.into_iter().chain(mid).collect();
            if !elements.is_empty() {
                extension::write(block, &elements);
            }
        }
    }

    /// Writes the extension behind the fixed header; returns where the payload begins.
    #[inline]
    fn write_extension(&self, with_mid: bool, now: Nanos, buffer: &mut [u8]) -> usize {
        let block = match with_mid {
            true => &self.mid_extension,
            false => &self.extension,
        };
        if block.is_empty() {
            return FIXED_HEADER_LEN;
        }
        let start = FIXED_HEADER_LEN + block.len();
        buffer[0] |= 0x10;
        buffer[FIXED_HEADER_LEN..start].copy_from_slice(block);
        if self.has_send_time {
            let at = FIXED_HEADER_LEN + SEND_TIME_AT;
            buffer[at..at + 3].copy_from_slice(&send_time(now));
        }
        start
    }

    /// Shows another publication, or nothing; what was sent stays answerable.
    pub fn show(&mut self, target: Option<PublicationId>) -> bool {
        let changed = self.target != target;
        if changed {
            self.target = target;
            self.wanted = target;
            (self.desired, self.damper) = (0, Damper::default());
            self.restart();
        }
        changed
    }

    /// There is no time or room for this viewer now: nothing more until the next entry point. Tells whether anything was sent so far.
    pub fn leave_out(&mut self) -> bool {
        let was_shown = !self.is_awaiting;
        if was_shown {
            self.restart();
        }
        self.is_left_out = true;
        was_shown
    }

    /// Nothing more is sent until an entry point of the wanted source.
    pub fn restart(&mut self) {
        self.is_awaiting = true;
        (self.shown, self.held, self.is_mid_frame) = (None, None, false);
        self.replay = None;
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
        let padding = source.cache.padding(sequence);
        let written = self.compose(
            payload_type.media,
            (meta, payload, padding),
            (output, &switch),
            now,
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
        now: Nanos,
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
            if self.has_send_time {
                return 0; // RTX was negotiated away; with a new time of sending it would be another packet under the same number.
            }
            return self.compose(
                payload_type.media,
                (meta, payload, source.cache.padding(sequence)),
                (output, &switch),
                now,
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
        let payload_at = self.write_extension(false, now, buffer);
        let start = payload_at + 2;
        buffer[payload_at..start].copy_from_slice(&(output as u16).to_be_bytes());
        let end = start + payload.len();
        buffer[start..end].copy_from_slice(payload);
        rewrite_picture(meta, &switch, &mut buffer[start..end]);
        context
            .protect_rtp_slice(buffer, payload_at, end, index)
            .unwrap_or(0)
    }

    /// Writes a packet of nothing but padding on the RTX stream, which receivers count and throw away (RFC 4588 §8); 0 = there is none.
    pub fn pad(
        &mut self,
        octets: u8,
        now: Nanos,
        context: &SrtpContext,
        buffer: &mut [u8],
    ) -> usize {
        let mut payload_types = self.payload_types.iter().flatten();
        let found = payload_types.find_map(|payload| payload.rtx);
        let (Some(rtx), Some(rtx_ssrc), true) = (found, self.rtx_ssrc, octets > 0) else {
            return 0;
        };
        let index = self.rtx_index;
        self.rtx_index += 1;
        let timestamp = self.first_timestamp;
        write_header(buffer, rtx, false, index as u16, timestamp, rtx_ssrc);
        buffer[0] |= 0x20;
        let start = self.write_extension(false, now, buffer);
        let end = start + usize::from(octets);
        buffer[start..end].fill(0);
        buffer[end - 1] = octets;
        context
            .protect_rtp_slice(buffer, start, end, index)
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
        self.is_left_out = false;
        timestamp.wrapping_add(ticks_between(at, captured, self.rate))
    }

    /// Without a time of sending deterministic in (output, switch, payload): a resend must give the same bytes, or GCM would reuse a nonce.
    fn compose(
        &self,
        payload_type: u8,
        (meta, payload, padding): (&PacketMeta, &[u8], u8),
        (output, switch): (u64, &Switch),
        now: Nanos,
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
        let with_mid = self.mid_until.is_none_or(|until| output < until);
        let start = self.write_extension(with_mid, now, buffer);
        let mut end = start + payload.len();
        buffer[start..end].copy_from_slice(payload);
        rewrite_picture(meta, switch, &mut buffer[start..end]);
        if padding > 0 {
            buffer[0] |= 0x20;
            end += usize::from(padding);
            buffer[end - usize::from(padding)..end].fill(0);
            buffer[end - 1] = padding;
        }
        context
            .protect_rtp_slice(buffer, start, end, output)
            .unwrap_or(0)
    }
}

/// The time of sending in seconds, 6.18 bits (draft-holmer-rmcat abs-send-time; webrtc.org/experiments/rtp-hdrext/abs-send-time).
#[inline]
fn send_time(now: Nanos) -> [u8; 3] {
    let fraction = ((now % SECOND) << 18) / SECOND;
    let value = ((now / SECOND) << 18) | fraction;
    [(value >> 16) as u8, (value >> 8) as u8, value as u8]
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
            send_time_ext: None,
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
