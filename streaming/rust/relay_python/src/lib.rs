//! Python bindings, module `streaming._relay`. The only crate that knows pyo3.
use pyo3::prelude::*;

/// The native relay engine.
#[pymodule]
mod _relay {}
