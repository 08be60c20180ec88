//! What one viewer received, from clear RTP headers alone: packets, holes, frames whole or torn. No sockets, no keys.

use std::collections::VecDeque;
use std::ops::{Add, Sub};
use std::time::{Duration, Instant};

use relay_core::sequence::extend;

/// Holes remembered per source; older ones are given up.
const MAX_HOLES: usize = 256;
/// A larger jump is a new beginning, not a loss to ask for.
const MAX_JUMP: u64 = 1000;
/// Between two requests for one hole, and how often it is asked for.
const ASK_AGAIN: Duration = Duration::from_millis(60);
const ASK_AT_MOST: u8 = 4;
/// Pictures that a late packet may still complete.
const FRAMES_KEPT: usize = 32;

/// What a payload type carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Medium {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Retransmissions and probes (RFC 4588).
    Repair,
}

/// Counts of a time span. Received are media packets, without `repair_packets`; `repaired` are holes that got filled.
#[derive(Clone, Copy, Default, Debug)]
#[allow(missing_docs, reason = "the names are those of the report")]
pub struct Counts {
    pub video: u64,
    pub audio: u64,
    pub expected_video: u64,
    pub expected_audio: u64,
    pub repair_packets: u64,
    pub repaired: u64,
    pub nacks: u64,
    pub frames_whole: u64,
    pub frames_torn: u64,
}

impl Counts {
    fn each(self, other: Self, with: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            video: with(self.video, other.video),
            audio: with(self.audio, other.audio),
            expected_video: with(self.expected_video, other.expected_video),
            expected_audio: with(self.expected_audio, other.expected_audio),
            repair_packets: with(self.repair_packets, other.repair_packets),
            repaired: with(self.repaired, other.repaired),
            nacks: with(self.nacks, other.nacks),
            frames_whole: with(self.frames_whole, other.frames_whole),
            frames_torn: with(self.frames_torn, other.frames_torn),
        }
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.each(other, |left, right| left + right)
    }
}

impl Sub for Counts {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.each(other, u64::saturating_sub)
    }
}

struct Hole {
    sequence: u64,
    ask_at: Instant,
    asked: u8,
}

/// A picture that is arriving, or did.
struct Frame {
    timestamp: u32,
    packets: usize,
    /// Lowest sequence number seen, and that of the marked packet.
    first: u64,
    last: Option<u64>,
    is_whole: bool,
}

/// The latest pictures of a source; late packets and repairs may still complete them.
#[derive(Default)]
struct Frames {
    recent: VecDeque<Frame>,
    begun: u64,
    whole: u64,
}

impl Frames {
    /// With `least` packets known to make a frame it is whole with its end and so many; else when none is missing in between.
    fn note(&mut self, sequence: u64, timestamp: u32, marker: bool, least: usize) {
        let known = self
            .recent
            .iter()
            .rposition(|frame| frame.timestamp == timestamp);
        let at = known.unwrap_or_else(|| {
            if self.recent.len() == FRAMES_KEPT {
                self.recent.pop_front();
            }
            self.begun += 1;
            self.recent.push_back(Frame {
                timestamp,
                packets: 0,
                first: sequence,
                last: None,
                is_whole: false,
            });
            self.recent.len() - 1
        });
        let frame = &mut self.recent[at];
        frame.packets += 1;
        frame.first = frame.first.min(sequence);
        if marker {
            frame.last = Some(sequence);
        }
        let span = frame.last.map(|last| (last + 1 - frame.first) as usize);
        let is_whole = if least > 1 {
            span.is_some() && frame.packets >= least
        } else {
            span == Some(frame.packets)
        };
        if is_whole && !frame.is_whole {
            frame.is_whole = true;
            self.whole += 1;
        }
    }

    /// Frames begun but not complete, apart from the newest, which is still arriving.
    fn torn(&self) -> u64 {
        let is_arriving = self.recent.back().is_some_and(|frame| !frame.is_whole);
        self.begun - self.whole - u64::from(is_arriving)
    }
}

/// One SSRC.
pub struct Source {
    /// Its number.
    pub ssrc: u32,
    /// What it carries.
    pub medium: Medium,
    /// Highest sequence number, extended, and the first.
    pub highest: u64,
    first: u64,
    /// Packets of it.
    pub received: u64,
    /// `(expected, received)` at the last receiver report.
    pub reported: (u64, u64),
    /// Middle 32 bits of the last sender report and its arrival.
    pub sender_report: Option<(u32, Instant)>,
    holes: VecDeque<Hole>,
    frames: Frames,
}

impl Source {
    fn new(ssrc: u32, medium: Medium, sequence: u16) -> Self {
        let first = u64::from(sequence) + 0x1_0000;
        Self {
            ssrc,
            medium,
            highest: first - 1,
            first,
            received: 0,
            reported: (0, 0),
            sender_report: None,
            holes: VecDeque::new(),
            frames: Frames::default(),
        }
    }

    /// Packets up to the highest one.
    pub fn expected(&self) -> u64 {
        self.highest + 1 - self.first
    }

    fn note(&mut self, now: Instant, sequence: u16, timestamp: u32, marker: bool, least: usize) {
        let sequence = extend(self.highest, sequence);
        self.received += 1;
        if self.medium == Medium::Video {
            self.frames.note(sequence, timestamp, marker, least);
        }
        if sequence <= self.highest {
            self.fill(sequence);
            return;
        }
        let has_gap = sequence != self.highest + 1;
        if has_gap && sequence - self.highest <= MAX_JUMP && self.medium == Medium::Video {
            for missing in self.highest + 1..sequence {
                if self.holes.len() == MAX_HOLES {
                    self.holes.pop_front();
                }
                self.holes.push_back(Hole {
                    sequence: missing,
                    ask_at: now,
                    asked: 0,
                });
            }
        }
        self.highest = sequence;
    }

    fn fill(&mut self, sequence: u64) -> bool {
        let at = self.holes.iter().position(|hole| hole.sequence == sequence);
        at.is_some_and(|at| self.holes.remove(at).is_some())
    }

    /// The sequence numbers to ask for now, and marks them asked.
    pub fn ask(&mut self, now: Instant) -> Vec<u16> {
        self.holes
            .retain(|hole| hole.asked < ASK_AT_MOST || now < hole.ask_at);
        let due = self
            .holes
            .iter_mut()
            .filter(|hole| now >= hole.ask_at && hole.asked < ASK_AT_MOST);
        due.map(|hole| {
            hole.asked += 1;
            hole.ask_at = now + ASK_AGAIN;
            hole.sequence as u16
        })
        .collect()
    }
}

/// All sources of a viewer.
pub struct Tally {
    /// By order of appearance; few.
    pub sources: Vec<Source>,
    formats: [Option<Medium>; 128],
    least_packets_a_frame: usize,
    repair_packets: u64,
    repaired: u64,
    /// Sequence numbers asked for.
    pub nacks: u64,
}

impl Tally {
    /// Payload types as the answer maps them; `least_packets_a_frame` is 1 when the publisher is not ours.
    pub fn new(answer: &str, least_packets_a_frame: usize) -> Self {
        Self {
            sources: Vec::new(),
            formats: formats(answer),
            least_packets_a_frame,
            repair_packets: 0,
            repaired: 0,
            nacks: 0,
        }
    }

    /// Counts an RTP packet by its header, which is at least twelve octets; what it carries, `None` if nothing negotiated.
    #[inline]
    pub fn note(&mut self, now: Instant, packet: &[u8]) -> Option<Medium> {
        let medium = self.formats[usize::from(packet[1] & 0x7f)]?;
        if medium == Medium::Repair {
            self.repair_packets += 1;
            return Some(medium);
        }
        let word = |at: usize| {
            u32::from_be_bytes([packet[at], packet[at + 1], packet[at + 2], packet[at + 3]])
        };
        let (sequence, ssrc) = (u16::from_be_bytes([packet[2], packet[3]]), word(8));
        let source = match self.sources.iter().position(|known| known.ssrc == ssrc) {
            Some(at) => &mut self.sources[at],
            None => {
                self.sources.push(Source::new(ssrc, medium, sequence));
                self.sources.last_mut()?
            }
        };
        source.note(
            now,
            sequence,
            word(4),
            packet[1] & 0x80 != 0,
            self.least_packets_a_frame,
        );
        Some(medium)
    }

    /// A packet that came by way of a retransmission; others, seen already, change nothing.
    pub fn repair(&mut self, ssrc: u32, sequence: u16, timestamp: u32, marker: bool) {
        let Some(source) = self.sources.iter_mut().find(|known| known.ssrc == ssrc) else {
            return;
        };
        let sequence = extend(source.highest, sequence);
        if source.fill(sequence) {
            self.repaired += 1;
            let least = self.least_packets_a_frame;
            source.frames.note(sequence, timestamp, marker, least);
        }
    }

    /// Everything since the beginning.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            repair_packets: self.repair_packets,
            repaired: self.repaired,
            nacks: self.nacks,
            ..Counts::default()
        };
        for source in &self.sources {
            let (received, expected) = match source.medium {
                Medium::Audio => (&mut counts.audio, &mut counts.expected_audio),
                _ => (&mut counts.video, &mut counts.expected_video),
            };
            *received += source.received;
            *expected += source.expected();
            counts.frames_whole += source.frames.whole;
            counts.frames_torn += source.frames.torn();
        }
        counts
    }
}

/// What the payload types of a description carry, by their rtpmap lines.
fn formats(description: &str) -> [Option<Medium>; 128] {
    let mut formats = [None; 128];
    for line in description.lines() {
        let Some((number, encoding)) = line
            .strip_prefix("a=rtpmap:")
            .and_then(|rest| rest.split_once(' '))
        else {
            continue;
        };
        let Ok(number @ 0..128) = number.parse::<usize>() else {
            continue;
        };
        let name = encoding
            .split('/')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        formats[number] = Some(match name.as_str() {
            "rtx" => Medium::Repair,
            "opus" | "pcmu" | "pcma" | "g722" => Medium::Audio,
            _ => Medium::Video,
        });
    }
    formats
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str =
        "a=rtpmap:96 H264/90000\r\na=rtpmap:97 rtx/90000\r\na=rtpmap:111 opus/48000/2\r\n";

    fn packet(pt: u8, sequence: u16, timestamp: u32, marker: bool) -> [u8; 12] {
        let mut packet = [0; 12];
        packet[0] = 0x80;
        packet[1] = pt | if marker { 0x80 } else { 0 };
        packet[2..4].copy_from_slice(&sequence.to_be_bytes());
        packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
        packet[11] = pt;
        packet
    }

    #[test]
    fn a_hole_is_asked_for_until_it_is_filled_also_over_the_wrap() {
        let (mut tally, now) = (Tally::new(ANSWER, 1), Instant::now());
        for sequence in [65_534, 1] {
            tally.note(now, &packet(96, sequence, 1, false));
        }
        assert_eq!(tally.sources[0].ask(now), [65_535, 0]);
        assert!(tally.sources[0].ask(now).is_empty(), "not at once again");
        tally.note(now, &packet(96, 65_535, 1, false));
        tally.repair(96, 0, 1, false);
        let later = now + ASK_AGAIN;
        assert!(tally.sources[0].ask(later).is_empty());
        let counts = tally.counts();
        assert_eq!(
            (counts.video, counts.expected_video, counts.repaired),
            (3, 4, 1)
        );
    }

    #[test]
    fn a_hole_nobody_fills_is_given_up() {
        let (mut tally, now) = (Tally::new(ANSWER, 1), Instant::now());
        tally.note(now, &packet(96, 1, 1, false));
        tally.note(now, &packet(96, 3, 1, false));
        let asked = (0..20).map(|turn| tally.sources[0].ask(now + turn * ASK_AGAIN).len());
        assert_eq!(asked.sum::<usize>(), usize::from(ASK_AT_MOST));
    }

    #[test]
    fn frames_dropped_whole_tear_nothing_but_a_missing_packet_does_until_it_comes() {
        let (mut tally, now) = (Tally::new(ANSWER, 3), Instant::now());
        let frame = |tally: &mut Tally, timestamp, sequences: &[u16]| {
            for sequence in sequences {
                tally.note(now, &packet(96, *sequence, timestamp, *sequence % 3 == 2));
            }
            let counts = tally.counts();
            (counts.frames_whole, counts.frames_torn)
        };
        assert_eq!(frame(&mut tally, 1, &[0, 1, 2]), (1, 0));
        assert_eq!(
            frame(&mut tally, 2, &[6, 7, 8]),
            (2, 0),
            "3 to 5 were dropped whole"
        );
        assert_eq!(frame(&mut tally, 3, &[9, 11]), (2, 0), "10 may yet come");
        assert_eq!(frame(&mut tally, 4, &[12, 14]), (2, 1), "10 is missing");
        assert_eq!(frame(&mut tally, 5, &[15, 16, 17]), (3, 2), "13 is, too");
        assert_eq!(frame(&mut tally, 3, &[10]), (4, 1), "it came late");
        tally.repair(96, 13, 4, false);
        assert_eq!(frame(&mut tally, 5, &[]), (5, 0), "it was repaired");
        tally.repair(96, 13, 4, false);
        assert_eq!(tally.counts().repaired, 1);
    }

    #[test]
    fn frames_of_unknown_length_are_whole_without_a_hole() {
        let (mut tally, now) = (Tally::new(ANSWER, 1), Instant::now());
        for (sequence, timestamp, marker) in [
            (1, 1, false),
            (2, 1, true),
            (3, 2, false),
            (5, 2, true),
            (6, 3, true),
        ] {
            tally.note(now, &packet(96, sequence, timestamp, marker));
        }
        let counts = tally.counts();
        assert_eq!((counts.frames_whole, counts.frames_torn), (2, 1));
    }

    #[test]
    fn sound_and_repairs_are_counted_apart_and_strangers_not_at_all() {
        let (mut tally, now) = (Tally::new(ANSWER, 9), Instant::now());
        assert_eq!(
            tally.note(now, &packet(111, 5, 1, true)),
            Some(Medium::Audio)
        );
        assert_eq!(
            tally.note(now, &packet(97, 5, 1, false)),
            Some(Medium::Repair)
        );
        assert_eq!(tally.note(now, &packet(50, 5, 1, false)), None);
        let counts = tally.counts() - Counts::default();
        assert_eq!(
            (counts.audio, counts.repair_packets, counts.video),
            (1, 1, 0)
        );
    }
}
