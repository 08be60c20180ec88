//! One WHIP publisher: str0m in RTP mode, fed with synthetic frames at a fixed rate.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use str0m::format::Codec;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::rtp::{ExtensionValues, RtpWrite, SeqNo};
use str0m::{Event, Rtc};

use crate::media::{self, PACKETS_PER_FRAME};
use crate::system::monotonic_nanos;
use crate::viewer::{Agent, offer};
use crate::{Failure, http};

const OPUS_INTERVAL: Duration = Duration::from_millis(20);

/// A publisher and its clock.
pub struct Publisher {
    /// ICE, DTLS and the socket.
    pub agent: Agent,
    /// The resource to DELETE.
    pub resource: Option<String>,
    video: Track,
    audio: Option<Track>,
    wants_key_frame: bool,
    /// Key frames that were asked for.
    pub key_frames: u64,
    /// `None`: a frame goes out at once. Else its packets are evenly apart, and this is the next one's number.
    spread: Option<usize>,
    is_key_frame: bool,
}

/// What a publisher sends.
#[derive(Clone, Copy)]
pub struct Content {
    /// Frames of nine packets a second.
    pub fps: f64,
    /// Opus-looking packets, fifty a second.
    pub with_audio: bool,
    /// Packets evenly apart instead of a frame at once: nothing for the relay to batch.
    pub is_spread: bool,
}

struct Track {
    mid: Mid,
    codec: Codec,
    sequence: u64,
    timestamp: u32,
    step: u32,
    interval: Duration,
    next: Instant,
}

impl Track {
    fn new(mid: Mid, codec: Codec, clock_rate: u32, interval: Duration) -> Self {
        let step = (f64::from(clock_rate) * interval.as_secs_f64()) as u32;
        Self {
            mid,
            codec,
            sequence: 1000,
            timestamp: 5000,
            step,
            interval,
            next: Instant::now(),
        }
    }

    /// Advances the clock; a publisher that fell behind by more than a second skips instead of bursting.
    fn advance(&mut self, now: Instant) {
        self.timestamp = self.timestamp.wrapping_add(self.step);
        self.delay(self.interval, now);
    }

    fn delay(&mut self, interval: Duration, now: Instant) {
        self.next += interval;
        if now > self.next + Duration::from_secs(1) {
            self.next = now;
        }
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
        let stream = direct
            .stream_tx_by_mid(self.mid, None)
            .ok_or("no send stream")?;
        stream.set_unpaced(true);
        let packet = RtpWrite::new(
            pt,
            SeqNo::from(self.sequence),
            self.timestamp,
            Instant::now(),
            payload,
        );
        stream.write_rtp(
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
    pub fn join(url: &str, token: Option<&str>, content: Content) -> Result<Self, Failure> {
        let mut kinds = vec![MediaKind::Video];
        if content.with_audio {
            kinds.push(MediaKind::Audio);
        }
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let (rtc, offered, mids) = offer(&socket, &kinds, Direction::SendOnly)?;
        let (answer, resource) = http::post_offer(url, token, &offered.sdp)?;
        let mut agent = Agent::new(rtc, socket);
        agent.accept(offered.pending, &answer)?;
        let video = Track::new(
            mids[0],
            Codec::H264,
            90_000,
            Duration::from_secs_f64(1.0 / content.fps),
        );
        let audio = mids
            .get(1)
            .map(|mid| Track::new(*mid, Codec::Opus, 48_000, OPUS_INTERVAL));
        Ok(Self {
            agent,
            resource,
            video,
            audio,
            wants_key_frame: true,
            key_frames: 0,
            spread: content.is_spread.then_some(0),
            is_key_frame: false,
        })
    }

    /// When [`Self::tick`] has to be called next.
    pub fn next(&self) -> Instant {
        let media = self
            .audio
            .as_ref()
            .map_or(self.video.next, |audio| audio.next.min(self.video.next));
        if self.agent.connected {
            media.min(self.agent.next)
        } else {
            self.agent.next
        }
    }

    /// Sends what is due.
    pub fn tick(&mut self, now: Instant) -> Result<(), Failure> {
        let mut asked = false;
        self.agent.drive(now, |event| {
            asked |= matches!(event, Event::KeyframeRequest(_))
        })?;
        self.wants_key_frame |= asked;
        if !self.agent.connected {
            return Ok(());
        }
        if now >= self.video.next {
            self.send_video(now)?;
            self.agent.drive(now, |event| {
                asked |= matches!(event, Event::KeyframeRequest(_))
            })?;
            self.wants_key_frame |= asked;
        }
        if let Some(audio) = self.audio.as_mut().filter(|audio| now >= audio.next) {
            audio.write(&mut self.agent.rtc, vec![0xfc; 80], false)?;
            audio.advance(now);
            self.agent.drive(now, |_| ())?;
        }
        Ok(())
    }

    fn send_video(&mut self, now: Instant) -> Result<(), Failure> {
        let Some(number) = self.spread else {
            for number in 0..PACKETS_PER_FRAME {
                self.send_packet(number)?;
            }
            self.video.advance(now);
            return Ok(());
        };
        self.send_packet(number)?;
        self.video
            .delay(self.video.interval / PACKETS_PER_FRAME as u32, now);
        self.spread = Some((number + 1) % PACKETS_PER_FRAME);
        if self.spread == Some(0) {
            self.video.timestamp = self.video.timestamp.wrapping_add(self.video.step);
        }
        Ok(())
    }

    fn send_packet(&mut self, number: usize) -> Result<(), Failure> {
        if number == 0 {
            self.is_key_frame = std::mem::take(&mut self.wants_key_frame);
            if self.is_key_frame {
                self.key_frames += 1;
                self.video
                    .write(&mut self.agent.rtc, media::PARAMETER_SETS.to_vec(), false)?;
            }
        }
        let payload = media::fragment(number, self.is_key_frame, monotonic_nanos());
        self.video.write(
            &mut self.agent.rtc,
            payload,
            number + 1 == PACKETS_PER_FRAME,
        )
    }
}
