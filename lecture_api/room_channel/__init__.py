"""The WebSocket of a gathering's room: state, chat, viewer count, presence chip, roster
(docs/protocol/room_channel.md).

What must not live here: rules about presence (presence) or states (gatherings); this layer only carries them.
"""
