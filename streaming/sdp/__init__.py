"""Session descriptions: parsing offers, choosing codecs, writing answers and ICE fragments. No I/O, no
state."""
