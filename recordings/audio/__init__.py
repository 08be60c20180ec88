"""Sound.

Opus decoded per slot, placed on the file clock, mixed, and encoded to one AAC track of 1024-sample frames at
48 kHz, mono.
"""
