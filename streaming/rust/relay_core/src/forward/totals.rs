//! Sums over all sessions and publications there ever were: what is gone stays counted, so that rates can be taken.

use super::peer::PeerCounters;
use super::publication::PublicationCounters;

/// Counters that never go back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "the names are those of docs/protocol/engine.md"
)]
pub struct Totals {
    pub packets_out: u64,
    pub bytes_out: u64,
    pub nack: u64,
    pub rtx: u64,
    pub pli: u64,
    pub packets_in: u64,
    pub bytes_in: u64,
    pub keyframes: u64,
    pub nack_out: u64,
    pub pli_out: u64,
}

impl Totals {
    /// Adds a session that goes, or one that is there to a copy.
    pub(crate) fn add_peer(&mut self, counters: &PeerCounters) {
        self.packets_out += counters.packets_out;
        self.bytes_out += counters.bytes_out;
        self.nack += counters.nack;
        self.rtx += counters.rtx;
        self.pli += counters.pli;
    }

    /// Adds a publication, or one layer of it, that goes, or one that is there to a copy.
    pub(crate) fn add_publication(&mut self, counters: &PublicationCounters) {
        self.packets_in += counters.packets;
        self.bytes_in += counters.bytes;
        self.keyframes += counters.keyframes;
    }

    /// Adds what another relay counted.
    pub fn add(&mut self, other: &Self) {
        self.packets_out += other.packets_out;
        self.bytes_out += other.bytes_out;
        self.nack += other.nack;
        self.rtx += other.rtx;
        self.pli += other.pli;
        self.packets_in += other.packets_in;
        self.bytes_in += other.bytes_in;
        self.keyframes += other.keyframes;
        self.nack_out += other.nack_out;
        self.pli_out += other.pli_out;
    }
}
