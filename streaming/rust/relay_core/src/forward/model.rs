//! The nouns of the relay: ids, slots, codecs and what Python says about publications and subscriptions.
//!
//! Plain data only; no behaviour beyond conversions. JSON is the runtime's matter.

/// Nanoseconds of the engine clock (`CLOCK_MONOTONIC`).
pub type Nanos = u64;

/// One millisecond in [`Nanos`].
pub const MILLISECOND: Nanos = 1_000_000;
/// One second in [`Nanos`].
pub const SECOND: Nanos = 1_000_000_000;

/// A WHIP or WHEP session, numbered by Python.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// One published track, numbered by Python.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicationId(pub u64);

impl PublicationId {
    /// Where the number of a layer begins; Python's numbers stay below.
    const LAYER_SHIFT: u32 = 60;
    /// Most layers of a publication.
    pub const MAX_LAYERS: usize = 3;

    /// A layer of this publication, 0 the lowest. Each layer is a source of its own, with its own id in the tables.
    #[must_use]
    pub fn layer(self, index: usize) -> Self {
        Self(self.base().0 | ((index as u64 + 1) << Self::LAYER_SHIFT))
    }

    /// The publication that Python knows.
    #[must_use]
    pub fn base(self) -> Self {
        Self(self.0 & ((1 << Self::LAYER_SHIFT) - 1))
    }

    /// Which layer this is, 0 the lowest; None for a publication without layers.
    #[must_use]
    pub fn layer_index(self) -> Option<usize> {
        ((self.0 >> Self::LAYER_SHIFT) as usize).checked_sub(1)
    }
}

/// Audio or video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// Audio (Opus).
    Audio,
    /// Video (H264 or VP8).
    Video,
}

/// Codecs the relay forwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// RFC 6184.
    H264,
    /// RFC 7741.
    Vp8,
    /// RFC 7587.
    Opus,
}

impl Codec {
    /// The name in specs and in the recorder feed.
    pub fn name(self) -> &'static str {
        match self {
            Self::H264 => "H264",
            Self::Vp8 => "VP8",
            Self::Opus => "opus",
        }
    }

    /// The codec of a name, as written in specs.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::H264, Self::Vp8, Self::Opus]
            .into_iter()
            .find(|codec| codec.name() == name)
    }

    /// Index into per-codec tables of three.
    pub(crate) fn index(self) -> usize {
        match self {
            Self::H264 => 0,
            Self::Vp8 => 1,
            Self::Opus => 2,
        }
    }
}

/// A receive slot of a room: V0..V6 and A0..A2 (joints.md §3), as the feed's octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(u8);

impl Slot {
    /// How many slots a room has.
    pub const COUNT: usize = 10;
    /// The slots of sound: the person in program, then those whom the loudness chooses.
    pub(crate) const SOUND: [Self; 3] = [Self(16), Self(17), Self(18)];

    /// The slot named `V0`..`V6` or `A0`..`A2`.
    pub fn from_name(name: &str) -> Option<Self> {
        let digit = match name.as_bytes() {
            [_, digit @ b'0'..=b'9'] => digit - b'0',
            _ => return None,
        };
        match (name.as_bytes()[0], digit) {
            (b'V', 0..=6) => Some(Self(digit)),
            (b'A', 0..=2) => Some(Self(16 + digit)),
            _ => None,
        }
    }

    /// The slot of a feed octet: 0..6 video, 16..18 audio.
    pub fn from_octet(octet: u8) -> Option<Self> {
        matches!(octet, 0..=6 | 16..=18).then_some(Self(octet))
    }

    /// The feed octet.
    pub fn octet(self) -> u8 {
        self.0
    }

    /// `V0`..`V6`, `A0`..`A2`.
    pub fn name(self) -> &'static str {
        const NAMES: [&str; Slot::COUNT] =
            ["V0", "V1", "V2", "V3", "V4", "V5", "V6", "A0", "A1", "A2"];
        NAMES[self.index()]
    }

    /// What the slot carries.
    pub fn kind(self) -> MediaKind {
        if self.0 < 16 {
            MediaKind::Video
        } else {
            MediaKind::Audio
        }
    }

    /// 0..9, video first.
    pub fn index(self) -> usize {
        usize::from(if self.0 < 16 { self.0 } else { self.0 - 16 + 7 })
    }

    /// The slot of an [`index`](Self::index).
    pub fn from_index(index: usize) -> Option<Self> {
        let index = u8::try_from(index).ok()?;
        Self::from_octet(if index < 7 { index } else { index - 7 + 16 })
    }
}

/// What a payload type of a publisher carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadRole {
    /// The media itself.
    Media,
    /// RFC 4588 retransmissions of it.
    Rtx,
}

/// What was negotiated for one published track (docs/protocol/engine.md, PublicationSpec).
#[derive(Debug, Clone)]
pub struct PublicationSpec {
    /// Audio or video.
    pub kind: MediaKind,
    /// The codec of its media payload types.
    pub codec: Codec,
    /// `a=mid` of its m-line.
    pub mid: Box<str>,
    /// RTP clock in Hz.
    pub clock_rate: u32,
    /// Payload types the publisher may send.
    pub payload_types: Vec<(u8, PayloadRole)>,
    /// Announced media SSRCs; empty = learned.
    pub ssrc: Vec<u32>,
    /// Announced RTX SSRCs; empty = learned.
    pub rtx_ssrc: Vec<u32>,
    /// Id of the MID header extension, if negotiated.
    pub mid_ext: Option<u8>,
    /// Simulcast layers, lowest first (RFC 8853); empty = one source without a RID.
    pub rids: Box<[String]>,
    /// Id of the RID header extension (RFC 8852), if negotiated.
    pub rid_ext: Option<u8>,
    /// Id of the repaired-RID header extension, if negotiated.
    pub repaired_rid_ext: Option<u8>,
    /// Id of the audio level header extension (RFC 6464), if negotiated.
    pub audio_level_ext: Option<u8>,
    /// Id of the abs-send-time header extension, if negotiated.
    pub send_time_ext: Option<u8>,
    /// The publisher answers generic NACK.
    pub nack: bool,
    /// The publisher answers PLI.
    pub pli: bool,
    /// The publisher obeys REMB.
    pub remb: bool,
    /// "camera", "screen" or "microphone"; for the recorder.
    pub source: String,
}

impl PublicationSpec {
    /// Ids of the sources of a publication: itself, or its layers, lowest first.
    pub fn sources(&self, id: PublicationId) -> impl Iterator<Item = PublicationId> + use<> {
        let layers = self.rids.len();
        let single = (layers == 0).then_some(id);
        single
            .into_iter()
            .chain((0..layers).map(move |index| id.layer(index)))
    }
}

/// Payload types of one codec in a viewer's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputPayload {
    /// Media payload type.
    pub media: u8,
    /// RTX payload type, if the viewer negotiated one.
    pub rtx: Option<u8>,
}

/// One receive slot of a viewer (docs/protocol/engine.md, SubscriptionSpec).
#[derive(Debug, Clone)]
pub struct OutputSpec {
    /// Which slot of the room it shows.
    pub slot: Slot,
    /// `a=mid` of its m-line.
    pub mid: String,
    /// SSRC announced in the answer.
    pub ssrc: u32,
    /// RTX SSRC announced in the answer.
    pub rtx_ssrc: Option<u32>,
    /// Payload types by codec.
    pub payload_types: Vec<(Codec, OutputPayload)>,
    /// Id of the MID header extension, if negotiated.
    pub mid_ext: Option<u8>,
    /// Id of the abs-send-time header extension, if negotiated; used only where all resends are RTX.
    pub send_time_ext: Option<u8>,
    /// SDES CNAME.
    pub cname: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_told_apart_and_lead_back_to_their_publication() {
        let id = PublicationId(42);
        assert_eq!((id.base(), id.layer_index()), (id, None));
        for index in 0..PublicationId::MAX_LAYERS {
            let layer = id.layer(index);
            assert_eq!((layer.base(), layer.layer_index()), (id, Some(index)));
            assert_eq!(layer.layer(0), id.layer(0));
        }
    }

    #[test]
    fn slots_convert_between_name_octet_and_index() {
        for index in 0..Slot::COUNT {
            let slot = Slot::from_index(index).expect("an index below COUNT is a slot");
            assert_eq!(slot.index(), index);
            assert_eq!(Slot::from_name(slot.name()), Some(slot));
            assert_eq!(Slot::from_octet(slot.octet()), Some(slot));
        }
        for bad in ["", "V", "V7", "A3", "X0", "V00", "中"] {
            assert_eq!(Slot::from_name(bad), None, "{bad}");
        }
        assert_eq!(Slot::from_index(Slot::COUNT), None);
    }
}
