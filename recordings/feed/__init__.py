"""The recorder's end of docs/protocol/recorder_feed.md: frame codec and connection.

Nothing here looks into a payload.
"""
