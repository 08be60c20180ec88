"""Our own small writer of ISO base media files (ISO/IEC 14496-12, CMAF ISO/IEC 23000-19).

Own, because libavformat's muxer rebases each track to zero and wraps AAC priming (joints.md §6). Bytes in,
bytes out: no file, no codec.
"""
