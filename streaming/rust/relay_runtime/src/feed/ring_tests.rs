//! The ring's promises: what stays, what goes first, how gaps are marked.

use super::*;

const STEP: Nanos = SECOND / 10;

fn slot(name: &str) -> Slot {
    Slot::from_name(name).expect("a slot")
}

fn packet(name: &str, at: Nanos, size: usize) -> Frame {
    Frame {
        kind: kind::RTP,
        slot: slot(name).octet(),
        room: 1,
        publication: 7,
        feed_seq: 0,
        monotonic_ns: at,
        wall_ns: at,
        payload: Arc::from(vec![0; size]),
    }
}

fn read_all(ring: &Ring, after: u64) -> Vec<Frame> {
    let mut wire = Vec::new();
    ring.write_after(after, usize::MAX, &mut wire);
    let mut frames = Vec::new();
    let mut offset = 0;
    while let Some((frame, used)) = Frame::read(&wire[offset..]).expect("frames") {
        frames.push(frame);
        offset += used;
    }
    frames
}

fn marks(ring: &Ring) -> Vec<(u64, String)> {
    let controls = read_all(ring, 0)
        .into_iter()
        .filter(|frame| frame.kind == kind::CONTROL);
    controls
        .map(|frame| {
            (
                frame.feed_seq,
                String::from_utf8(frame.payload.to_vec()).expect("json"),
            )
        })
        .collect()
}

#[test]
fn a_recorder_resumes_behind_what_it_has() {
    let mut ring = Ring::new(RingLimits::default());
    for number in 0..10 {
        ring.push_packet(packet("V0", number, 10), number == 0);
    }
    ring.ack(4);
    assert_eq!(ring.first_after(4), 5);
    assert_eq!(
        read_all(&ring, 6)
            .iter()
            .map(|frame| frame.feed_seq)
            .collect::<Vec<_>>(),
        [7, 8, 9, 10]
    );
    assert_eq!(ring.first_after(0), 5, "older frames are gone");
    assert_eq!(ring.first_after(10), 11);
    ring.ack(1000);
    assert!(ring.is_empty());
    assert_eq!((ring.acked(), ring.bytes()), (10, 0));
}

#[test]
fn overflow_drops_the_oldest_gop_of_video_and_marks_it_once() {
    let mut ring = Ring::new(RingLimits {
        age: 5 * SECOND,
        bytes: usize::MAX,
    });
    for number in 0..80u64 {
        ring.push_packet(packet("A0", number * STEP, 10), true);
        ring.push_packet(packet("V0", number * STEP, 100), number % 20 == 0);
    }
    let marks = marks(&ring);
    assert_eq!(marks.len(), 2, "{marks:?}");
    let frames = read_all(&ring, 0);
    let first_video = frames
        .iter()
        .find(|frame| frame.slot == 0 && frame.kind == kind::RTP)
        .expect("video");
    assert_eq!(
        first_video.monotonic_ns,
        4 * SECOND,
        "whole GOPs of two seconds went"
    );
    assert_eq!(
        ring.overflow(),
        frames
            .iter()
            .filter(|frame| frame.kind == kind::RTP)
            .count()
            .abs_diff(160) as u64
    );
    let video_mark = marks
        .iter()
        .find(|mark| mark.1.contains("V0"))
        .expect("a mark");
    assert_eq!(
        *video_mark,
        (
            2,
            r#"{"event":"overflow","slot":"V0","dropped":40}"#.to_owned()
        )
    );
}

#[test]
fn size_takes_video_before_audio() {
    let mut ring = Ring::new(RingLimits {
        age: 1000 * SECOND,
        bytes: 20_000,
    });
    for number in 0..200u64 {
        ring.push_packet(packet("A0", number * STEP, 10), true);
        ring.push_packet(packet("V1", number * STEP, 1000), number % 5 == 0);
    }
    let frames = read_all(&ring, 0);
    assert!(ring.bytes() <= 20_000);
    assert!(frames.iter().filter(|frame| frame.slot == 16).count() > 80);
    let video: Vec<_> = frames
        .iter()
        .filter(|frame| frame.slot == 1 && frame.kind == kind::RTP)
        .collect();
    assert!(video.len() < 6);
}

#[test]
fn a_gop_cut_at_its_end_stays_silent_until_a_key_frame() {
    let mut ring = Ring::new(RingLimits {
        age: 1000 * SECOND,
        bytes: 10 * (1000 + FRAME_OVERHEAD),
    });
    let mut waits = 0;
    for number in 0..30u64 {
        waits += usize::from(
            ring.push_packet(packet("V0", number, 1000), number == 0)
                .is_some(),
        );
    }
    assert_eq!(waits, 20);
    assert_eq!(
        marks(&ring),
        [(
            1,
            r#"{"event":"overflow","slot":"V0","dropped":30}"#.to_owned()
        )]
    );
    assert_eq!(ring.push_packet(packet("V0", 40, 1000), true), None);
    let last = read_all(&ring, 0).pop().expect("the key frame");
    assert_eq!((last.feed_seq, last.kind), (31, kind::RTP));
}

#[test]
fn sources_are_known_at_any_point_of_the_ring() {
    let mut ring = Ring::new(RingLimits::default());
    let source = |text: &str| Frame {
        kind: kind::CONTROL,
        payload: Arc::from(text.as_bytes()),
        ..packet("V0", 0, 0)
    };
    ring.push_source(source("first"));
    ring.push_packet(packet("V0", 1, 1), true);
    ring.push_source(source("second"));
    ring.ack(2);
    let text = |after| {
        ring.sources_at(after)
            .into_iter()
            .map(|found| found.1.to_vec())
            .collect::<Vec<_>>()
    };
    assert_eq!(text(2), [b"first".to_vec()]);
    assert_eq!(text(3), [b"second".to_vec()]);
}

#[test]
fn packets_lost_before_the_ring_are_a_marked_gap() {
    let mut ring = Ring::new(RingLimits::default());
    ring.push_packet(packet("V0", 0, 1), true);
    ring.push_lost(slot("V0"), 5, packet("V0", 1, 0));
    assert!(
        ring.push_packet(packet("V0", 2, 1), false).is_some(),
        "the rest of the GOP is of no use"
    );
    assert_eq!(ring.push_packet(packet("V0", 3, 1), true), None);
    assert_eq!(
        marks(&ring),
        [(
            2,
            r#"{"event":"overflow","slot":"V0","dropped":6}"#.to_owned()
        )]
    );
    assert_eq!(
        read_all(&ring, 0).last().map(|frame| frame.feed_seq),
        Some(8)
    );
}

#[test]
fn a_finished_ring_gives_its_memory_back_and_keeps_its_numbers() {
    let mut ring = Ring::new(RingLimits::default());
    for number in 0..1000 {
        ring.push_packet(packet("V0", number, 10), number == 0);
    }
    ring.clear();
    assert_eq!((ring.kept.capacity(), ring.bytes()), (0, 0));
    ring.push_packet(packet("V0", 1000, 10), true);
    assert_eq!(ring.first_after(0), 1001);
}
