//! From the media thread to the feed thread: bounded and never waiting. What finds no room is counted and becomes a marked gap.

use std::collections::VecDeque;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use hashbrown::HashMap;
use relay_core::forward::{FeedItem, Slot};

use crate::sys::EventFd;

/// Packets under way: about four seconds of five slots at 4 Mbit/s.
const CAPACITY: usize = 16_384;

/// What travels to the feed thread.
pub enum FeedMessage {
    /// An item of the state machine.
    Item(FeedItem),
    /// Packets of a slot found no room.
    Lost {
        /// The recording.
        recording: Arc<str>,
        /// The slot.
        slot: Slot,
        /// How many.
        count: u64,
    },
}

/// The media thread's end.
pub struct FeedSender {
    messages: Sender<FeedMessage>,
    wake: Arc<EventFd>,
    /// Control items wait here when there is no room: they are never lost.
    backlog: VecDeque<FeedMessage>,
    lost: HashMap<(Arc<str>, Slot), u64>,
    is_dirty: bool,
}

/// Both ends of a hand-over that wakes `wake`.
pub fn handover(wake: Arc<EventFd>) -> (FeedSender, Receiver<FeedMessage>) {
    let (messages, receiver) = bounded(CAPACITY);
    let sender = FeedSender {
        messages,
        wake,
        backlog: VecDeque::new(),
        lost: HashMap::new(),
        is_dirty: false,
    };
    (sender, receiver)
}

impl FeedSender {
    /// Another end, for another media thread. Rooms must not share threads' order: each room is fed by one.
    pub fn another(&self) -> Self {
        Self {
            messages: self.messages.clone(),
            wake: self.wake.clone(),
            backlog: VecDeque::new(),
            lost: HashMap::new(),
            is_dirty: false,
        }
    }

    /// Hands an item over, or keeps control items for later, or counts a packet as lost.
    pub fn push(&mut self, item: FeedItem) {
        self.is_dirty = true;
        self.drain_backlog();
        if let FeedItem::Packet {
            recording, slot, ..
        } = &item
        {
            let key = (recording.clone(), *slot);
            if !self.backlog.is_empty() || self.messages.is_full() {
                *self.lost.entry(key).or_insert(0) += 1;
                return;
            }
            if let Some(count) = self.lost.remove(&key) {
                self.backlog.push_back(FeedMessage::Lost {
                    recording: key.0,
                    slot: key.1,
                    count,
                });
            }
        } else if let FeedItem::End { recording, .. } = &item {
            let lost = self.lost.extract_if(|key, _| key.0 == *recording);
            self.backlog
                .extend(lost.map(|((recording, slot), count)| FeedMessage::Lost {
                    recording,
                    slot,
                    count,
                }));
        }
        self.backlog.push_back(FeedMessage::Item(item));
        self.drain_backlog();
    }

    /// Wakes the feed thread if there is anything new; once per batch.
    pub fn flush(&mut self) {
        self.drain_backlog();
        if std::mem::take(&mut self.is_dirty) {
            self.wake.signal();
        }
    }

    fn drain_backlog(&mut self) {
        while let Some(message) = self.backlog.pop_front() {
            match self.messages.try_send(message) {
                Ok(()) => {}
                Err(TrySendError::Full(message)) => {
                    self.backlog.push_front(message);
                    return;
                }
                Err(TrySendError::Disconnected(_)) => self.backlog.clear(),
            }
        }
    }
}

impl Drop for FeedSender {
    /// The feed thread ends when this end is gone: it must notice at once.
    fn drop(&mut self) {
        self.messages = bounded(0).0;
        self.wake.signal();
    }
}

#[cfg(test)]
mod tests {
    use relay_core::forward::PublicationId;

    use super::*;

    #[test]
    fn a_full_hand_over_loses_packets_as_a_count_and_control_never() {
        let (mut sender, receiver) = handover(Arc::new(EventFd::new().expect("eventfd")));
        let recording: Arc<str> = Arc::from("r");
        let slot = Slot::from_name("V0").expect("a slot");
        let packet = |number: u64| FeedItem::Packet {
            recording: recording.clone(),
            at: number,
            slot,
            publication: PublicationId(1),
            is_rtcp: false,
            is_entry: false,
            packet: Arc::from(&[][..]),
        };
        for number in 0..CAPACITY as u64 + 10 {
            sender.push(packet(number));
        }
        sender.push(FeedItem::End {
            recording: recording.clone(),
            at: 0,
        });
        assert_eq!(receiver.try_iter().count(), CAPACITY);
        sender.push(packet(99));
        let kinds: Vec<_> = receiver
            .try_iter()
            .map(|message| match message {
                FeedMessage::Item(FeedItem::End { .. }) => "end",
                FeedMessage::Item(_) => "packet",
                FeedMessage::Lost { count: 10, .. } => "lost",
                FeedMessage::Lost { .. } => "miscounted",
            })
            .collect();
        assert_eq!(kinds, ["lost", "end", "packet"]);
        assert!(sender.lost.is_empty());
    }
}
