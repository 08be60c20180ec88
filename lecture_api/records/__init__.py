"""What a person learned: coverage of a gathering, attendance status, credit, and the ledger of credit.

What lives here: pure functions from evidence and a policy version to a record, and the rows that keep their
results.
What must not: collecting evidence (presence, replays); anything that ranks people (domain.md R27).
"""
