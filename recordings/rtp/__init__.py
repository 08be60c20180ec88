"""RTP as a recorder needs it: headers, order, wrap, H264 access units, sender reports.

No clock is read and nothing is decoded here.
"""
