//! Sockets and threads around `relay_core`: media threads, one TCP thread, one feed thread, queues to and from Python.
//!
//! `unsafe` lives in `sys` alone.
#![deny(unsafe_code)]

mod arena;
mod delay;
mod engine;
mod error;
mod event;
mod feed;
mod lane;
mod pressure;
mod router;
mod socket;
pub mod spec;
mod stats;
mod switchboard;
#[allow(unsafe_code)]
mod sys;
mod tcp;
mod worker;

pub use engine::{Engine, EngineSettings};
pub use error::EngineError;
pub use event::EngineEvent;
