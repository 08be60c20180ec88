//! From one worker to another: parcels of what a batch brought, over a bounded ring that never makes anybody wait.
//!
//! A batch is one parcel, so a hand-over costs one copy of the packets, one place in the ring and one wake-up. Emptied parcels come back
//! with their buffers: nothing is allocated per packet. When the ring is full the parcel grows up to a bound; beyond it media is lost, as a
//! count and a [`Update::Lost`] that makes viewers wait for a key frame. What is no packet is never lost.

use std::net::SocketAddr;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use relay_core::forward::{Nanos, PublicationId, SocketIndex, Update};

use crate::sys::EventFd;

/// Parcels under way: a worker may sleep this many batches long.
const PARCELS: usize = 64;
/// Octets of media that may wait for a place in the ring: about half a second of ten publishers.
const MAX_WAITING: usize = 1 << 20;

/// One thing in a parcel; those with a length have as many octets.
#[derive(Debug, Clone, Copy)]
enum Item {
    Datagram {
        socket: SocketIndex,
        from: SocketAddr,
        arrival: Nanos,
        len: usize,
    },
    Packet {
        publication: PublicationId,
        sequence: u64,
        arrival: Nanos,
        len: usize,
    },
    Report {
        publication: PublicationId,
        timestamp: u32,
        at: Nanos,
        len: usize,
    },
    Bare(Update<'static>),
    Route {
        socket: SocketIndex,
        from: SocketAddr,
        is_here: bool,
    },
    Forget {
        socket: SocketIndex,
        from: SocketAddr,
    },
    Close {
        socket: SocketIndex,
        from: SocketAddr,
    },
}

/// What a worker is told by another.
#[derive(Debug)]
pub enum Delivery<'a> {
    /// A datagram of one of its sessions, which the reading worker received.
    Datagram {
        /// On this socket.
        socket: SocketIndex,
        /// From here.
        from: SocketAddr,
        /// When the kernel got it.
        arrival: Nanos,
        /// Its octets, to be decrypted in place.
        bytes: &'a mut [u8],
    },
    /// For the state machine; the arrival of a packet, else 0.
    Update(Update<'a>, Nanos),
    /// To the reading worker: datagrams from there belong to the sender's sessions, or no longer.
    Route {
        /// On this socket.
        socket: SocketIndex,
        /// From here.
        from: SocketAddr,
        /// Belong, or no longer.
        is_here: bool,
    },
    /// From the reading worker: another worker's session proved this path its own.
    Forget {
        /// On this socket.
        socket: SocketIndex,
        /// From here.
        from: SocketAddr,
    },
    /// From the reading worker: this connection is gone.
    Close {
        /// Its number.
        socket: SocketIndex,
        /// Its remote end.
        from: SocketAddr,
    },
}

/// What travels at a time.
#[derive(Debug, Default)]
pub struct Parcel {
    items: Vec<Item>,
    bytes: Vec<u8>,
}

impl Parcel {
    fn push(&mut self, item: Item, bytes: &[u8]) {
        self.items.push(item);
        self.bytes.extend_from_slice(bytes);
    }

    /// Unpacks everything in order.
    pub fn unpack(&mut self, mut take: impl FnMut(Delivery<'_>)) {
        let mut rest = self.bytes.as_mut_slice();
        for item in self.items.drain(..) {
            let mut cut = |len: usize| {
                let (bytes, behind) = std::mem::take(&mut rest).split_at_mut(len);
                rest = behind;
                bytes
            };
            take(match item {
                Item::Datagram {
                    socket,
                    from,
                    arrival,
                    len,
                } => Delivery::Datagram {
                    socket,
                    from,
                    arrival,
                    bytes: cut(len),
                },
                Item::Packet {
                    publication,
                    sequence,
                    arrival,
                    len,
                } => {
                    let packet = &*cut(len);
                    let update = Update::Packet {
                        publication,
                        sequence,
                        packet,
                    };
                    Delivery::Update(update, arrival)
                }
                Item::Report {
                    publication,
                    timestamp,
                    at,
                    len,
                } => {
                    let compound = &*cut(len);
                    let update = Update::Report {
                        publication,
                        timestamp,
                        at,
                        compound,
                    };
                    Delivery::Update(update, 0)
                }
                Item::Bare(update) => Delivery::Update(update, 0),
                Item::Route {
                    socket,
                    from,
                    is_here,
                } => Delivery::Route {
                    socket,
                    from,
                    is_here,
                },
                Item::Forget { socket, from } => Delivery::Forget { socket, from },
                Item::Close { socket, from } => Delivery::Close { socket, from },
            });
        }
        self.bytes.clear();
    }
}

/// The sender's end.
pub struct Lane {
    current: Parcel,
    parcels: Sender<Parcel>,
    empties: Receiver<Parcel>,
    wake: Arc<EventFd>,
    lost: Vec<PublicationId>,
    /// Packets and datagrams that found no room.
    pub dropped: u64,
}

/// The receiver's end.
pub struct Inlet {
    parcels: Receiver<Parcel>,
    empties: Sender<Parcel>,
}

/// Both ends of a way to the worker that `wake` wakes.
pub fn lane(wake: Arc<EventFd>) -> (Lane, Inlet) {
    let (parcels, arriving) = bounded(PARCELS);
    let (back, empties) = bounded(PARCELS);
    let lane = Lane {
        current: Parcel::default(),
        parcels,
        empties,
        wake,
        lost: Vec::new(),
        dropped: 0,
    };
    let inlet = Inlet {
        parcels: arriving,
        empties: back,
    };
    (lane, inlet)
}

impl Lane {
    /// Puts in what the relay here says to the relay there.
    #[inline]
    pub fn update(&mut self, update: Update<'_>, arrival: Nanos) {
        let item = match update {
            Update::Packet {
                publication,
                sequence,
                packet,
            } => return self.packet(publication, sequence, arrival, packet),
            Update::Report {
                publication,
                timestamp,
                at,
                compound,
            } => {
                let item = Item::Report {
                    publication,
                    timestamp,
                    at,
                    len: compound.len(),
                };
                return self.current.push(item, compound);
            }
            Update::Restart(id) => Update::Restart(id),
            Update::Lost(id) => Update::Lost(id),
            Update::Watch(id, is_watching) => Update::Watch(id, is_watching),
            Update::Keyframe(id) => Update::Keyframe(id),
            Update::Layers(id, watched) => Update::Layers(id, watched),
            Update::Loudness(id, score) => Update::Loudness(id, score),
            Update::Chosen(room, slot, id) => Update::Chosen(room, slot, id),
        };
        self.current.push(Item::Bare(item), &[]);
    }

    /// Puts in a datagram.
    pub fn datagram(
        &mut self,
        socket: SocketIndex,
        from: SocketAddr,
        arrival: Nanos,
        bytes: &[u8],
    ) {
        if self.current.bytes.len() + bytes.len() > MAX_WAITING {
            self.dropped += 1;
            return;
        }
        let len = bytes.len();
        let item = Item::Datagram {
            socket,
            from,
            arrival,
            len,
        };
        self.current.push(item, bytes);
    }

    /// Says whose datagrams from there are.
    pub fn route(&mut self, socket: SocketIndex, from: SocketAddr, is_here: bool) {
        let item = Item::Route {
            socket,
            from,
            is_here,
        };
        self.current.push(item, &[]);
    }

    /// Says that datagrams from there are no longer the receiver's.
    pub fn forget(&mut self, socket: SocketIndex, from: SocketAddr) {
        self.current.push(Item::Forget { socket, from }, &[]);
    }

    /// Says that a connection is gone.
    pub fn close(&mut self, socket: SocketIndex, from: SocketAddr) {
        self.current.push(Item::Close { socket, from }, &[]);
    }

    /// Hands over what was put in, if there is room.
    #[inline]
    pub fn flush(&mut self) {
        if self.current.items.is_empty() {
            return;
        }
        let next = self.empties.try_recv().unwrap_or_default();
        match self
            .parcels
            .try_send(std::mem::replace(&mut self.current, next))
        {
            Ok(()) => {
                for id in self.lost.drain(..) {
                    self.current.push(Item::Bare(Update::Lost(id)), &[]);
                }
                self.wake.signal();
            }
            Err(TrySendError::Full(parcel)) => self.current = parcel,
            Err(TrySendError::Disconnected(_)) => {} // The engine ends.
        }
    }

    fn packet(&mut self, id: PublicationId, sequence: u64, arrival: Nanos, packet: &[u8]) {
        let is_lost = self.lost.contains(&id);
        if is_lost || self.current.bytes.len() + packet.len() > MAX_WAITING {
            self.dropped += 1;
            if !is_lost {
                self.lost.push(id);
            }
            return;
        }
        let item = Item::Packet {
            publication: id,
            sequence,
            arrival,
            len: packet.len(),
        };
        self.current.push(item, packet);
    }
}

impl Inlet {
    /// The next parcel, if one is there.
    pub fn next(&self) -> Option<Parcel> {
        self.parcels.try_recv().ok()
    }

    /// Gives an unpacked parcel back.
    pub fn give_back(&self, parcel: Parcel) {
        // With enough of them under way it is not needed.
        let _ = self.empties.try_send(parcel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u64, bytes: &[u8]) -> Update<'_> {
        Update::Packet {
            publication: PublicationId(1),
            sequence,
            packet: bytes,
        }
    }

    fn take(inlet: &Inlet) -> Vec<String> {
        let mut taken = Vec::new();
        while let Some(mut parcel) = inlet.next() {
            parcel.unpack(|delivery| taken.push(format!("{delivery:?}")));
            inlet.give_back(parcel);
        }
        taken
    }

    #[test]
    fn everything_arrives_in_order_with_its_octets() {
        let (mut lane, inlet) = lane(Arc::new(EventFd::new().expect("eventfd")));
        let from = SocketAddr::from(([127, 0, 0, 1], 9));
        lane.update(packet(7, b"seven"), 5);
        lane.route(0, from, true);
        lane.datagram(1, from, 6, b"raw");
        lane.update(Update::Keyframe(PublicationId(2)), 0);
        assert!(inlet.next().is_none(), "nothing before the flush");
        lane.flush();
        lane.update(packet(8, b"eight"), 7);
        lane.flush();
        let taken = take(&inlet);
        assert_eq!(taken.len(), 5);
        for (got, wanted) in taken.iter().zip([
            "packet: [115, 101, 118, 101, 110] }, 5)",
            "is_here: true",
            "arrival: 6, bytes: [114, 97, 119]",
            "Keyframe(PublicationId(2))",
            "sequence: 8",
        ]) {
            assert!(got.contains(wanted), "{got}");
        }
    }

    #[test]
    fn a_full_ring_loses_media_as_one_mark_and_nothing_else() {
        let (mut lane, inlet) = lane(Arc::new(EventFd::new().expect("eventfd")));
        let bytes = [0; 1000];
        for sequence in 0..PARCELS as u64 + 5000 {
            lane.update(packet(sequence, &bytes), 0);
            lane.flush();
        }
        let kept = (PARCELS + MAX_WAITING / bytes.len()) as u64;
        assert_eq!(lane.dropped, PARCELS as u64 + 5000 - kept);
        lane.update(Update::Watch(PublicationId(3), true), 0);
        let first = take(&inlet);
        assert_eq!(first.len(), PARCELS);
        lane.flush();
        lane.update(packet(9999, &bytes), 0);
        lane.flush();
        let second = take(&inlet);
        assert_eq!(second.len() as u64, kept - PARCELS as u64 + 3);
        let tail: Vec<_> = second[second.len() - 3..]
            .iter()
            .map(|text| text[..18].to_owned())
            .collect();
        assert_eq!(
            tail,
            [
                "Update(Watch(Publi",
                "Update(Lost(Public",
                "Update(Packet { pu"
            ]
        );
    }
}
