"""What the API asks of a media node: rooms, events, status. Not for browsers."""
