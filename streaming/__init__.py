"""The WebRTC relay: WHIP in, WHEP out. Knows rooms, participants, publications, slots. No members, no
database."""
