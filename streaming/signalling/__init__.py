"""The HTTP half that WHIP and WHEP share: tokens, bodies, problem+json, CORS, and the session resource."""
