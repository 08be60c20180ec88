"""WHIP, WebRTC-HTTP ingestion (RFC 9725)."""
