"""Puts the repository root on sys.path, so tests may import `tests.support`."""
