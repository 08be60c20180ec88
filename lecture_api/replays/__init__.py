"""The replay of a gathering: its map onto the programme clock, grants to play it, progress accepted by wall
time.

What must not live here: attendance status and credit (records), media files (the recordings service).
"""
