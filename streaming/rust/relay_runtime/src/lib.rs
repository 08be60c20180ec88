//! Sockets and threads around `relay_core`.
