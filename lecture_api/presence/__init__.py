"""Who was there: evidence of presence, on the server's clock, closed into append-only intervals.

What lives here: the interval algebra, the evidence rules of joints §8, the open and closed rows of presence.
What must not: attendance status, credit or anything that judges (records); the WebSocket itself
(room_channel).
"""
