//! The relay against people who know the protocol and mean harm: rooms stay apart, numbers stay honest, keys stay secret, and what a fuzzer
//! once found stays fixed.

mod abuse;
#[allow(dead_code, reason = "the fuzz targets use all of it")]
#[path = "../../../fuzz/src/checks/mod.rs"]
mod checks;
mod corpora;
mod isolation;
mod numbers;
mod secrets;
#[allow(dead_code, reason = "shared with tests/forward")]
#[path = "../forward/world.rs"]
mod world;
