"""From RTP to CMAF on disk while live, to replay and retention.

Knows media and files; knows no member, no gathering, no database, and imports nothing else of ours. The only
package that imports PyAV.
"""
