//! Python bindings, module `streaming._relay`. The only crate that knows pyo3.

mod engine;
mod error;

use pyo3::prelude::*;

/// The native relay engine.
#[pymodule]
mod _relay {
    #[pymodule_export]
    use crate::engine::Engine;
}
