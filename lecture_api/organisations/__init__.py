"""The organisation tree and where each member is at home on which day. Knows nobody's name or login."""
