"""The ICE-lite half that needs no socket: credentials and candidates (RFC 8445). Checks are answered by the
engine."""
