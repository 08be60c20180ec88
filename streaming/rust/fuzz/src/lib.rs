//! What the fuzz targets do with their bytes. `relay_core/tests/adversary` replays the committed corpora through the same functions, so
//! that a machine without nightly covers them, too.
#![allow(
    missing_docs,
    dead_code,
    reason = "shared with a test, whose world has more than is needed here"
)]

pub mod checks;
#[path = "../../relay_core/tests/forward/world.rs"]
pub mod world;
