"""Time: RTP to engine clock per source, engine clock to file time per recording.

Pure arithmetic on given times; nothing reads a clock.
"""
