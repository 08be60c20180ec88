//! Sizes made equal, so that what a batch brought of a frame leaves as one GSO send, whose datagrams are all of one size but the last.
//!
//! Chromium splits a frame into packets that differ by an octet, the shorter ones first. RTP padding (RFC 3550 §5.1) fills the difference:
//! inside the encrypted part, never beyond the largest packet of the run, so no path is asked for more than the publisher's.
//! It is decided once per packet, before anybody is sent it: a resend must give the same bytes, or GCM would reuse a nonce.

use super::cache::PacketCache;
use super::publication::Fresh;

/// Most octets worth adding to save a message: about what the headers of a send cost.
const MOST: usize = 32;

/// Decides the padding of packets nobody was sent yet.
pub(crate) fn equalise(cache: &mut PacketCache, fresh: &[Fresh]) {
    let packets = fresh.iter().filter_map(|item| match item {
        Fresh::Packet(sequence) => Some(*sequence),
        Fresh::Probe(_) => None,
    });
    // (first, last) sequence numbers in order of arrival are all a run needs; batches are small.
    let mut run = Run::default();
    for sequence in packets {
        let Some((meta, payload)) = cache.get(sequence) else {
            continue;
        };
        let (timestamp, len) = (meta.timestamp, payload.len());
        if !run.takes(timestamp, len) {
            run.settle(cache, fresh);
            run = Run::default();
            run.takes(timestamp, len);
        }
        run.until = Some(sequence);
        run.from.get_or_insert(sequence);
    }
    run.settle(cache, fresh);
}

/// Packets of one frame that can be one message.
#[derive(Debug, Default)]
struct Run {
    timestamp: u32,
    from: Option<u64>,
    until: Option<u64>,
    shortest: usize,
    longest: usize,
    /// A much shorter one ended it.
    is_closed: bool,
}

impl Run {
    fn takes(&mut self, timestamp: u32, len: usize) -> bool {
        if self.from.is_none() {
            (self.timestamp, self.shortest, self.longest) = (timestamp, len, len);
            return true;
        }
        if self.is_closed || timestamp != self.timestamp || len > self.shortest + MOST {
            return false;
        }
        self.longest = self.longest.max(len);
        if len + MOST < self.longest {
            self.is_closed = true;
        } else {
            self.shortest = self.shortest.min(len);
        }
        true
    }

    /// Pads all but the last, which may be shorter.
    fn settle(&self, cache: &mut PacketCache, fresh: &[Fresh]) {
        let (Some(from), Some(until)) = (self.from, self.until) else {
            return;
        };
        if from == until || self.shortest == self.longest {
            return;
        }
        let inside = fresh
            .iter()
            .skip_while(|item| **item != Fresh::Packet(from))
            .take_while(|item| **item != Fresh::Packet(until));
        for item in inside {
            if let Fresh::Packet(sequence) = item {
                cache.pad_to(*sequence, self.longest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::forward::cache::PacketMeta;

    fn padded(sizes: &[(u32, usize)]) -> Vec<usize> {
        let mut cache = PacketCache::new(256);
        let mut fresh = Vec::new();
        for (sequence, (timestamp, len)) in (100..).zip(sizes) {
            let meta = PacketMeta {
                sequence,
                timestamp: *timestamp,
                marker: false,
                is_entry: false,
                vp8: None,
            };
            cache.insert(meta, &vec![1; *len]);
            fresh.push(Fresh::Packet(sequence));
        }
        equalise(&mut cache, &fresh);
        let padded =
            |(sequence, (_, len)): (u64, &(u32, usize))| len + usize::from(cache.padding(sequence));
        (100..).zip(sizes).map(padded).collect()
    }

    #[test]
    fn a_frame_as_chromium_splits_it_becomes_one_message() {
        let frame = [967, 967, 967, 967, 968, 968, 968, 968, 968].map(|len| (7, len));
        assert_eq!(padded(&frame), [968; 9]);
        let first_reduced = [950, 967, 967, 968, 961].map(|len| (7, len));
        assert_eq!(padded(&first_reduced), [968, 968, 968, 968, 961]);
    }

    #[test]
    fn what_differs_much_or_stands_alone_stays_as_it_is() {
        assert_eq!(padded(&[(7, 30), (7, 1100), (7, 1101)]), [30, 1101, 1101]);
        assert_eq!(padded(&[(7, 1100), (8, 1101)]), [1100, 1101]);
        assert_eq!(
            padded(&[(7, 1100), (7, 1101), (7, 200), (7, 1100)]),
            [1101, 1101, 200, 1100]
        );
        assert_eq!(padded(&[(7, 1100)]), [1100]);
        assert_eq!(padded(&[]), [0; 0]);
    }

    proptest! {
        #[test]
        fn padding_is_small_and_never_exceeds_the_largest_of_the_frame(
            sizes in proptest::collection::vec((0u32..3, 1usize..1400), 0..60),
        ) {
            for ((timestamp, len), padded) in sizes.iter().zip(padded(&sizes)) {
                prop_assert!(padded >= *len && padded - len <= MOST);
                let largest = sizes.iter().filter(|other| other.0 == *timestamp).map(|other| other.1).max();
                prop_assert!(Some(padded) <= largest);
            }
        }
    }
}
