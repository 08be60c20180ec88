//! How loud somebody is: the levels a publisher tells with each packet (RFC 6464), smoothed so that a syllable lifts it and a pause
//! between words does not drop it. Integers only, so that every run decides alike.

use super::model::{MILLISECOND, Nanos};

/// What counts as silence, in dB below overload: fans and rooms are quieter, speech louder.
const SILENCE: u8 = 60;
/// Rising follows within this, a syllable's length …
const ATTACK: Nanos = 200 * MILLISECOND;
/// … falling only after this, longer than syllables and the pauses between words, …
const HOLD: Nanos = 600 * MILLISECOND;
/// … and then within this.
const RELEASE: Nanos = 600 * MILLISECOND;
/// Nothing for this long is silence: discontinuous transmission sends next to nothing.
const PAUSE: Nanos = 100 * MILLISECOND;
/// Level assumed of publishers that tell none (OBS, aiortc): speech, quietly …
const UNTOLD: u8 = 40;
/// … while their packets hold more than comfort noise.
const NOISE_LEN: usize = 20;

/// Thousandths of a dB above silence, 0..=60_000.
pub type Score = u32;

/// The loudness of one audio publication.
#[derive(Debug, Clone, Default)]
pub struct Loudness {
    score: Score,
    last: Option<Nanos>,
    /// When it was as loud as the score last.
    loud_at: Nanos,
    told: Option<Score>,
}

impl Loudness {
    /// A packet of `len` octets came; `level` is the audio level it carries (RFC 6464 §3: the low seven bits are -dBov).
    pub fn on_packet(&mut self, level: Option<u8>, len: usize, now: Nanos) {
        let untold = if len > NOISE_LEN { UNTOLD } else { SILENCE };
        let below = level.map_or(untold, |octet| octet & 0x7f);
        let target = u32::from(SILENCE.saturating_sub(below)) * 1000;
        self.score = self.score_at(now);
        let before = self.last.replace(now).unwrap_or(now.saturating_sub(PAUSE));
        if target >= self.score {
            self.loud_at = now;
            let elapsed = now.saturating_sub(before).min(PAUSE);
            self.score = approach(self.score, target, elapsed, ATTACK);
        } else {
            let elapsed = now
                .saturating_sub(before.max(self.loud_at + HOLD))
                .min(PAUSE);
            self.score = approach(self.score, target, elapsed, RELEASE);
        }
    }

    /// The worker that hears it says so.
    pub fn on_told(&mut self, score: Score, now: Nanos) {
        (self.score, self.last, self.loud_at) = (score, Some(now), now);
    }

    /// The score now; None before the first packet.
    pub fn score(&self, now: Nanos) -> Option<Score> {
        self.last.map(|_| self.score_at(now))
    }

    /// The score to be told to others: while there is any, and once when there is none any more.
    pub fn take_news(&mut self, now: Nanos) -> Option<Score> {
        let score = self.score(now)?;
        let before = self.told.replace(score);
        (score > 0 || before != Some(0)).then_some(score)
    }

    fn score_at(&self, now: Nanos) -> Score {
        let Some(last) = self.last else {
            return 0;
        };
        let silent = now.saturating_sub((last + PAUSE).max(self.loud_at + HOLD));
        approach(self.score, 0, silent, RELEASE)
    }
}

/// First order low-pass after `elapsed`.
fn approach(score: Score, target: Score, elapsed: Nanos, tau: Nanos) -> Score {
    let step = i128::from(target) - i128::from(score);
    let moved = step * i128::from(elapsed) / i128::from(elapsed + tau);
    (i128::from(score) + moved) as Score
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::model::SECOND;

    const PACKET: Nanos = 20 * MILLISECOND;

    fn hear(loudness: &mut Loudness, level: u8, from: Nanos, duration: Nanos) -> Nanos {
        for now in (from..from + duration).step_by(PACKET as usize) {
            loudness.on_packet(Some(level), 80, now);
        }
        from + duration
    }

    #[test]
    fn a_syllable_lifts_the_score_and_a_pause_between_words_does_not_drop_it() {
        let mut loudness = Loudness::default();
        assert_eq!(loudness.score(0), None);
        let now = hear(&mut loudness, 127, 0, SECOND);
        assert_eq!(loudness.score(now), Some(0));
        let now = hear(&mut loudness, 0x80 | 25, now, 200 * MILLISECOND);
        let spoken = loudness.score(now).expect("heard");
        assert!((18_000..30_000).contains(&spoken), "{spoken}");
        let now = hear(&mut loudness, 90, now, 250 * MILLISECOND);
        let paused = loudness.score(now).expect("heard");
        assert!(paused > spoken * 3 / 4, "{paused} of {spoken}");
        hear(&mut loudness, 90, now, 10 * SECOND);
        assert!(loudness.score(now + 10 * SECOND).expect("heard") < 1000);
    }

    #[test]
    fn no_packets_are_silence() {
        let mut loudness = Loudness::default();
        let now = hear(&mut loudness, 20, 0, SECOND);
        assert!(loudness.score(now).expect("heard") > 38_000);
        assert!(loudness.score(now + 60 * SECOND).expect("heard") < 1000);
    }

    #[test]
    fn who_tells_no_level_counts_as_speaking_quietly() {
        let mut loudness = Loudness::default();
        for packet in 0..100 {
            loudness.on_packet(None, 80, packet * PACKET);
        }
        let score = loudness.score(100 * PACKET).expect("heard");
        assert!((19_000..=20_000).contains(&score), "{score}");
    }
}
