//! How an output goes over from one layer of a publication to another without a seam.
//!
//! Which layer is wanted is decided in `layers`; the mapping of numbers and times is the line's.

use super::model::{MILLISECOND, Nanos, PublicationId};
use super::output::{Output, Source};
use super::publication::Fresh;

/// The longest a layer's entry point waits for the end of the frame before it; the frame's rest may be lost.
const HOLD: Nanos = 30 * MILLISECOND;

impl Output {
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
}
