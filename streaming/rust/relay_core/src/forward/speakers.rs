//! Whose voices a room hears: A0 is directed, A1 and A2 are the loudest of the others, and neither flaps. Also who speaks, for show.
//!
//! The choice is made by the first worker alone; the others tell it what they hear and are told what to show.

use super::egress::{Egress, Event};
use super::loudness::Score;
use super::mirror::Update;
use super::model::{MILLISECOND, MediaKind, Nanos, PublicationId, SECOND, Slot};
use super::relay::Relay;

/// Between two reviews.
const REVIEW: Nanos = 100 * MILLISECOND;
/// A newcomer must be this much louder than the one it displaces …
const MARGIN: Score = 6_000;
/// … who has been heard for this long, …
const HOLD: Nanos = SECOND;
/// … unless that one has fallen silent.
const QUIET: Score = 3_000;
/// Who is louder than this begins to speak, …
const SPEAKS: Score = 16_000;
/// … and does until less than this.
const SILENT: Score = 12_000;
/// Between two events about one room.
const EVENT_INTERVAL: Nanos = 500 * MILLISECOND;
/// Other workers are told the slots again this often: they may have heard of the publication only after the slot.
const REPEAT: Nanos = SECOND;

/// How many slots are chosen here.
pub const CHOSEN: usize = 2;

/// One who could be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Voice {
    /// Whose.
    pub publication: PublicationId,
    /// How loud.
    pub score: Score,
}

/// The voices of one room.
#[derive(Debug, Clone, Default)]
pub struct Speakers {
    /// Slots that Python has directed; the choice leaves them alone.
    pub is_pinned: [bool; CHOSEN],
    since: [Nanos; CHOSEN],
    speaking: Vec<PublicationId>,
    told: Option<(Vec<PublicationId>, Vec<Option<PublicationId>>)>,
    told_at: Option<Nanos>,
    repeated_at: Nanos,
}

impl Speakers {
    /// The next choice: what the slots are to show. At most one voice is displaced at a time.
    pub fn choose(
        &mut self,
        shown: [Option<PublicationId>; CHOSEN],
        voices: &[Voice],
        now: Nanos,
    ) -> [Option<PublicationId>; CHOSEN] {
        let score_of = |id: PublicationId| {
            let found = voices.iter().find(|voice| voice.publication == id);
            found.map(|voice| voice.score)
        };
        let mut chosen = shown;
        for (entry, is_pinned) in chosen.iter_mut().zip(self.is_pinned) {
            *entry = entry.filter(|id| is_pinned || score_of(*id).is_some());
        }
        for slot in 0..CHOSEN {
            if chosen[slot].is_none() && !self.is_pinned[slot] {
                chosen[slot] = loudest(voices, &chosen).map(|voice| voice.publication);
                self.since[slot] = now;
            }
        }
        let weakest = (0..CHOSEN)
            .filter(|slot| !self.is_pinned[*slot])
            .filter_map(|slot| Some((score_of(chosen[slot]?)?, slot)))
            .min();
        if let (Some((score, slot)), Some(rival)) = (weakest, loudest(voices, &chosen)) {
            let was_heard = now.saturating_sub(self.since[slot]) >= HOLD || score < QUIET;
            if was_heard && rival.score > score + MARGIN {
                (chosen[slot], self.since[slot]) = (Some(rival.publication), now);
            }
        }
        chosen
    }

    /// Who speaks, loudest first, when that or what the slots show is worth telling again.
    pub fn take_news(
        &mut self,
        voices: &[Voice],
        heard: &[Option<PublicationId>],
        now: Nanos,
    ) -> Option<Vec<PublicationId>> {
        let mut speaking: Vec<Voice> = voices
            .iter()
            .filter(|voice| {
                let threshold = match self.speaking.contains(&voice.publication) {
                    true => SILENT,
                    false => SPEAKS,
                };
                voice.score >= threshold
            })
            .copied()
            .collect();
        speaking.sort_by_key(|voice| (std::cmp::Reverse(voice.score), voice.publication));
        self.speaking = speaking.iter().map(|voice| voice.publication).collect();
        let mut known = self.speaking.clone();
        known.sort_unstable();
        let is_known = match &self.told {
            Some((told, shown)) => *told == known && shown == heard,
            None => known.is_empty(),
        };
        let is_early = self
            .told_at
            .is_some_and(|at| now.saturating_sub(at) < EVENT_INTERVAL);
        if is_known || is_early {
            return None;
        }
        (self.told, self.told_at) = (Some((known, heard.to_vec())), Some(now));
        Some(self.speaking.clone())
    }
}

/// The loudest voice that is not shown yet; of equals the one that was published first.
fn loudest(voices: &[Voice], shown: &[Option<PublicationId>]) -> Option<Voice> {
    let rivals = voices
        .iter()
        .filter(|voice| !shown.contains(&Some(voice.publication)));
    rivals
        .min_by_key(|voice| (std::cmp::Reverse(voice.score), voice.publication))
        .copied()
}

impl Relay {
    /// Chooses anew what A1 and A2 of every room show, and tells who speaks.
    pub(super) fn review_speakers(&mut self, now: Nanos, out: &mut impl Egress) {
        if now < self.next_review {
            return;
        }
        self.next_review = now + REVIEW;
        if self.config.worker != 0 {
            self.tell_loudness(now, out);
            return;
        }
        let rooms: Vec<_> = self.rooms.keys().cloned().collect();
        for name in rooms {
            self.review_room(&name, now, out);
        }
    }

    /// What another worker hears of a publication it owns.
    pub(super) fn on_loudness(&mut self, id: PublicationId, score: Score, now: Nanos) {
        if let Some(publication) = self.publications.get_mut(&id) {
            publication.loudness.on_told(score, now);
        }
    }

    /// What the choosing worker wants a slot to show.
    pub(super) fn on_chosen(
        &mut self,
        room_number: u64,
        slot: Slot,
        id: Option<PublicationId>,
        now: Nanos,
        out: &mut impl Egress,
    ) {
        let publisher = id.and_then(|id| self.publications.get(&id));
        let room = self.rooms.values().find(|room| room.number == room_number);
        let name = publisher
            .map(|publication| publication.room.clone())
            .or_else(|| room.map(|room| room.name.clone()));
        if let Some(name) = name {
            self.is_watch_stale = true;
            self.set_slot(&name, slot, id, now, out);
        }
    }

    fn tell_loudness(&mut self, now: Nanos, out: &mut impl Egress) {
        for publication in self.publications.values_mut() {
            if publication.mirror_of.is_none() && publication.spec.kind == MediaKind::Audio {
                if let Some(score) = publication.loudness.take_news(now) {
                    out.update(0, Update::Loudness(publication.id, score));
                }
            }
        }
    }

    fn review_room(&mut self, name: &str, now: Nanos, out: &mut impl Egress) {
        let Some(room) = self.rooms.get_mut(name) else {
            return;
        };
        let heard = self
            .publications
            .values()
            .filter(|found| found.spec.kind == MediaKind::Audio && *found.room == *name);
        let all: Vec<Voice> = heard
            .filter_map(|publication| {
                Some(Voice {
                    publication: publication.id,
                    score: publication.loudness.score(now)?,
                })
            })
            .collect();
        let [program, slots @ ..] = Slot::SOUND;
        let directed = room.slots[program.index()];
        let others: Vec<Voice> = all
            .iter()
            .filter(|voice| Some(voice.publication) != directed)
            .copied()
            .collect();
        let shown = slots.map(|slot| room.slots[slot.index()]);
        let chosen = room.speakers.choose(shown, &others, now);
        let number = room.number;
        let is_repeated = now.saturating_sub(room.speakers.repeated_at) >= REPEAT;
        if is_repeated {
            room.speakers.repeated_at = now;
        }
        let voices = [directed, chosen[0], chosen[1]];
        if let Some(speaking) = room.speakers.take_news(&all, &voices, now) {
            out.event(Event::Speakers {
                room: room.name.clone(),
                speaking,
                heard: voices,
            });
        }
        for ((slot, before), id) in slots.into_iter().zip(shown).zip(chosen) {
            if before != id {
                self.is_watch_stale |= self.config.workers > 1;
                self.set_slot(name, slot, id, now, out);
            }
            if before != id || is_repeated {
                for worker in 1..self.config.workers {
                    out.update(worker, Update::Chosen(number, slot, id));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::forward::loudness::Loudness;

    const PACKET: Nanos = 20 * MILLISECOND;

    /// A room of microphones, each a function from packet number to level; returns what was shown at each review.
    fn listen(levels: &[&dyn Fn(u64) -> u8], packets: u64) -> Vec<[Option<PublicationId>; CHOSEN]> {
        let mut microphones = vec![Loudness::default(); levels.len()];
        let (mut speakers, mut shown, mut history) =
            (Speakers::default(), [None; CHOSEN], Vec::new());
        for packet in 0..packets {
            let now = SECOND + packet * PACKET;
            for (microphone, level) in microphones.iter_mut().zip(levels) {
                microphone.on_packet(Some(level(packet)), 80, now);
            }
            if packet % 5 == 0 {
                let voices: Vec<_> = (1..)
                    .zip(&microphones)
                    .map(|(number, microphone)| Voice {
                        publication: PublicationId(number),
                        score: microphone.score(now).expect("heard"),
                    })
                    .collect();
                shown = speakers.choose(shown, &voices, now);
                history.push(shown);
            }
        }
        history
    }

    fn switches(history: &[[Option<PublicationId>; CHOSEN]]) -> usize {
        history.windows(2).filter(|pair| pair[0] != pair[1]).count()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        /// Constant loudness, however close: after the first seconds nothing moves, and the louder ones are heard.
        #[test]
        fn constant_loudness_never_switches(levels in proptest::collection::vec(0u8..128, 1..30)) {
            let constant: Vec<_> = levels.iter().map(|level| move |_| *level).collect();
            let microphones: Vec<&dyn Fn(u64) -> u8> = constant.iter().map(|level| level as _).collect();
            let history = listen(&microphones, 500);
            prop_assert_eq!(switches(&history[60..]), 0);
            let shown = history[60];
            let heard = |number: usize| shown.contains(&Some(PublicationId(number as u64 + 1)));
            let least = (0..levels.len()).filter(|number| heard(*number)).map(|number| 60u8.saturating_sub(levels[number])).min();
            let missed = (0..levels.len()).filter(|number| !heard(*number)).map(|number| 60u8.saturating_sub(levels[number])).max();
            if let (Some(least), Some(missed)) = (least, missed) {
                prop_assert!(missed <= least + 7, "{missed} dB not heard, {least} heard");
            }
        }

        /// Two who alternate by syllables under a third who speaks on: whoever has the slot keeps it.
        #[test]
        fn alternating_speakers_do_not_swap_each_syllable(syllable in 5u64..25, level in 10u8..40) {
            let steady = |_: u64| 10;
            let odd = move |packet: u64| if packet / syllable % 2 == 1 { level } else { 90 };
            let even = move |packet: u64| if packet / syllable % 2 == 0 { level } else { 90 };
            let history = listen(&[&steady, &odd, &even], 1500);
            prop_assert!(switches(&history[20..]) <= 1, "{}", switches(&history[20..]));
        }
    }

    #[test]
    fn a_new_speaker_is_heard_within_the_first_words_and_nobody_else_moves() {
        let quiet = |_: u64| 80;
        let begins = |packet: u64| if packet < 250 { 90 } else { 25 };
        let speaks = |_: u64| 25;
        let mut microphones: Vec<&dyn Fn(u64) -> u8> = vec![&quiet; 30];
        microphones[3] = &speaks;
        microphones[29] = &begins;
        let history = listen(&microphones, 400);
        let heard = |at: usize, number: u64| history[at].contains(&Some(PublicationId(number)));
        assert!(heard(20, 4));
        assert!(!heard(49, 30));
        assert!(heard(53, 30), "within 300 ms");
        assert_eq!(switches(&history[20..]), 1);
    }

    #[test]
    fn a_directed_slot_is_left_alone() {
        let mut speakers = Speakers {
            is_pinned: [true, false],
            ..Speakers::default()
        };
        let voices = [1, 2].map(|number| Voice {
            publication: PublicationId(number),
            score: 30_000,
        });
        let shown = [Some(PublicationId(9)), None];
        let chosen = speakers.choose(shown, &voices, 0);
        assert_eq!(chosen, [Some(PublicationId(9)), Some(PublicationId(1))]);
    }

    #[test]
    fn news_are_told_when_the_set_changes_and_at_most_twice_a_second() {
        let mut speakers = Speakers::default();
        let voice = |score| {
            [Voice {
                publication: PublicationId(1),
                score,
            }]
        };
        assert_eq!(speakers.take_news(&voice(0), &[], 0), None);
        assert_eq!(
            speakers.take_news(&voice(SPEAKS), &[], 1),
            Some(vec![PublicationId(1)])
        );
        assert_eq!(
            speakers.take_news(&voice(SILENT), &[], SECOND),
            None,
            "still speaks"
        );
        assert_eq!(speakers.take_news(&voice(0), &[], SECOND), Some(vec![]));
        assert_eq!(
            speakers.take_news(&voice(SPEAKS), &[], SECOND + EVENT_INTERVAL - 1),
            None
        );
        assert!(
            speakers
                .take_news(&voice(SPEAKS), &[], SECOND + EVENT_INTERVAL)
                .is_some()
        );
    }
}
