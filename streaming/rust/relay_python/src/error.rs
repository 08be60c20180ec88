//! The one place where engine errors become Python exceptions.

use std::io;

use pyo3::PyErr;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use relay_runtime::EngineError;

/// `OSError` with its errno for what the system refused, `ValueError` for arguments, `RuntimeError` for a dead engine.
pub fn to_python(error: EngineError) -> PyErr {
    let message = error.to_string();
    match error {
        EngineError::Bind { source, .. }
        | EngineError::Listen { source, .. }
        | EngineError::FeedSocket { source, .. }
        | EngineError::System(source) => os_error(&source, message),
        EngineError::InvalidArgument(_) => PyValueError::new_err(message),
        EngineError::Stopped | EngineError::Failed(_) => PyRuntimeError::new_err(message),
    }
}

fn os_error(source: &io::Error, message: String) -> PyErr {
    match source.raw_os_error() {
        // Two arguments make Python pick the subclass and set `errno`.
        Some(errno) => PyOSError::new_err((errno, message)),
        None => PyOSError::new_err(message),
    }
}
