"""Rooms, who is in them and what they send and see. Knows the engine and DTLS, knows no HTTP."""
