"""What every feature of the API stands on: database, clock, ids, errors, identity, keys, events, clients
of the other services.

Knows no feature: nothing here imports accounts, organisations, gatherings or anything above them.
"""
