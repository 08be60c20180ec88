"""Pictures.

From one slot's RTP to access units (source), and from those to samples with decode times on the file clock
(track).
"""
