//! Sans-I/O relay logic: bytes and `now` in, bytes and events out. No sockets, clock, threads, `unsafe` or pyo3.
#![forbid(unsafe_code)]
