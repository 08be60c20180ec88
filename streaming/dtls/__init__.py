"""DTLS as server, one association a peer. Nothing outside this package knows which library does it."""
