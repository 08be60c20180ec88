//! Looking into codec payloads just far enough to switch between sources: frame starts, key frames, VP8 picture ids.

pub mod h264;
pub mod vp8;
