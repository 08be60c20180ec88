//! One WHIP publisher: str0m in RTP mode, fed with synthetic frames at a rate that may change.

use std::str::FromStr;
use std::time::{Duration, Instant};

use str0m::format::Codec;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::rtp::{ExtensionValues, RtpWrite, SeqNo};
use str0m::{Event, Rtc};

use crate::agent::{Agent, Identity, Offering};
use crate::media::{self, PACKETS_PER_FRAME, Sizes};
use crate::system::monotonic_nanos;
use crate::{Failure, dtls_keys, http};

const OPUS_INTERVAL: Duration = Duration::from_millis(20);
const VIDEO_CLOCK_RATE: f64 = 90_000.0;
const AUDIO_CLOCK_RATE: f64 = 48_000.0;

/// How the packets of a frame leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pattern {
    /// All at once, as encoders without a pacer send.
    Burst,
    /// Evenly apart: nothing for the relay to batch.
    Single,
}

impl FromStr for Pattern {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "burst" => Ok(Self::Burst),
            "single" => Ok(Self::Single),
            _ => Err(()),
        }
    }
}

/// What a publisher sends.
#[derive(Clone, Copy)]
pub struct Content {
    /// Frames of nine packets a second.
    pub fps: f64,
    /// How they leave.
    pub pattern: Pattern,
    /// How they are cut.
    pub sizes: Sizes,
    /// Whether the sound, where it is negotiated, is heard.
    pub sound: bool,
}

/// A publisher and its clock.
pub struct Publisher {
    /// ICE, DTLS and the socket.
    pub agent: Agent,
    /// The resource to DELETE.
    pub resource: Option<String>,
    /// Key frames that were asked for and sent.
    pub key_frames: u64,
    /// Frames begun.
    pub frames: u64,
    /// Sound packets sent.
    pub sounds: u64,
    content: Content,
    video: Track,
    audio: Option<Track>,
    wants_key_frame: bool,
    is_key_frame: bool,
    /// Number of the next packet of the frame.
    number: usize,
}

struct Track {
    mid: Mid,
    codec: Codec,
    clock_rate: f64,
    sequence: u64,
    timestamp: u32,
    next: Instant,
}

impl Track {
    fn new(mid: Mid, codec: Codec, clock_rate: f64) -> Self {
        Self {
            mid,
            codec,
            clock_rate,
            sequence: 1000,
            timestamp: 5000,
            next: Instant::now(),
        }
    }

    /// Schedules what follows; a publisher that fell behind by more than a second skips instead of bursting.
    fn wait(&mut self, interval: Duration, now: Instant) {
        self.next += interval;
        if now > self.next + Duration::from_secs(1) {
            self.next = now;
        }
    }

    fn advance_clock(&mut self, interval: Duration) {
        let step = (self.clock_rate * interval.as_secs_f64()).round() as u32;
        self.timestamp = self.timestamp.wrapping_add(step.max(1));
    }

    fn write(&mut self, rtc: &mut Rtc, payload: Vec<u8>, marker: bool) -> Result<(), Failure> {
        let media = rtc.media(self.mid).ok_or("the answer dropped a medium")?;
        let pts = media.remote_pts().to_vec();
        let chosen = rtc
            .codec_config()
            .params()
            .iter()
            .find(|params| params.spec().codec == self.codec && pts.contains(&params.pt()));
        let pt = chosen.ok_or("the answer accepts none of our codecs")?.pt();
        let mut direct = rtc.direct_api();
        let sending = direct
            .stream_tx_by_mid(self.mid, None)
            .ok_or("nothing to send on")?;
        sending.set_unpaced(true);
        let packet = RtpWrite::new(
            pt,
            SeqNo::from(self.sequence),
            self.timestamp,
            Instant::now(),
            payload,
        );
        sending.write_rtp(
            packet
                .marker(marker)
                .nackable(self.codec == Codec::H264)
                .ext_vals(ExtensionValues::default()),
        );
        self.sequence += 1;
        Ok(())
    }
}

impl Publisher {
    /// POSTs to the WHIP endpoint; media flows once the agent is connected.
    pub fn join(
        identity: &Identity,
        url: &str,
        token: Option<&str>,
        content: Content,
        with_audio: bool,
    ) -> Result<Self, Failure> {
        let mut kinds = vec![MediaKind::Video];
        if with_audio {
            kinds.push(MediaKind::Audio);
        }
        let offering = Offering::new(identity, &kinds, Direction::SendOnly)?;
        let created = http::post_offer(url, token, &offering.sdp)?;
        let mids = offering.mids.clone();
        let agent = offering.accept(&created.answer)?;
        let audio = mids.get(1);
        Ok(Self {
            agent,
            resource: created.resource,
            key_frames: 0,
            frames: 0,
            sounds: 0,
            content,
            video: Track::new(mids[0], Codec::H264, VIDEO_CLOCK_RATE),
            audio: audio.map(|mid| Track::new(*mid, Codec::Opus, AUDIO_CLOCK_RATE)),
            wants_key_frame: true,
            is_key_frame: false,
            number: 0,
        })
    }

    /// What it sends now.
    pub fn content(&self) -> Content {
        self.content
    }

    /// Sends something else from the next packet on.
    pub fn set_content(&mut self, content: Content) {
        self.content = content;
    }

    /// When [`Self::tick`] has to be called next.
    pub fn next(&self) -> Instant {
        if !self.agent.connected {
            return self.agent.next;
        }
        let sound = self.audio.as_ref().filter(|_| self.content.sound);
        let audio = sound.map_or(self.video.next, |audio| audio.next);
        self.agent.next.min(self.video.next).min(audio)
    }

    /// Sends what is due.
    pub fn tick(&mut self, now: Instant) -> Result<(), Failure> {
        self.drive(now)?;
        if !self.agent.connected {
            return Ok(());
        }
        if now >= self.video.next {
            self.send_video(now)?;
            self.drive(now)?;
        }
        let sound = self.audio.as_mut().filter(|_| self.content.sound);
        if let Some(audio) = sound.filter(|audio| now >= audio.next) {
            audio.write(&mut self.agent.rtc, vec![0xfc; 80], false)?;
            audio.wait(OPUS_INTERVAL, now);
            audio.advance_clock(OPUS_INTERVAL);
            self.sounds += 1;
            self.drive(now)?;
        }
        Ok(())
    }

    fn drive(&mut self, now: Instant) -> Result<(), Failure> {
        let (was_connected, asked) = (self.agent.connected, &mut self.wants_key_frame);
        self.agent.drive(now, |event| {
            *asked |= matches!(event, Event::KeyframeRequest(_));
        })?;
        if self.agent.connected && !was_connected {
            // Heard on this thread, but of no use here: str0m's reports of a publisher are true.
            drop(dtls_keys::take());
        }
        Ok(())
    }

    fn send_video(&mut self, now: Instant) -> Result<(), Failure> {
        let interval = Duration::from_secs_f64(1.0 / self.content.fps);
        let (packets, pause) = match self.content.pattern {
            Pattern::Burst => (PACKETS_PER_FRAME - self.number, interval),
            Pattern::Single => (1, interval / PACKETS_PER_FRAME as u32),
        };
        for _ in 0..packets {
            self.send_packet()?;
        }
        self.video.wait(pause, now);
        if self.number == PACKETS_PER_FRAME {
            self.number = 0;
            self.video.advance_clock(interval);
        }
        Ok(())
    }

    fn send_packet(&mut self) -> Result<(), Failure> {
        let number = self.number;
        self.number += 1;
        if number == 0 {
            self.frames += 1;
            self.is_key_frame = std::mem::take(&mut self.wants_key_frame);
            if self.is_key_frame {
                self.key_frames += 1;
                let sets = media::PARAMETER_SETS.to_vec();
                self.video.write(&mut self.agent.rtc, sets, false)?;
            }
        }
        let stamp = monotonic_nanos();
        let payload = media::fragment(number, self.is_key_frame, self.content.sizes, stamp);
        let is_last = number + 1 == PACKETS_PER_FRAME;
        self.video.write(&mut self.agent.rtc, payload, is_last)
    }
}
