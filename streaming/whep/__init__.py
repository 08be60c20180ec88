"""WHEP, WebRTC-HTTP egress (draft-ietf-wish-whep-03)."""
