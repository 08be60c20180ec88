"""Columns (专栏): themed series that gatherings belong to."""
