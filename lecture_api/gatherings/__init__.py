"""Gatherings: what is convened, who is expected, its states from draft to archive, its programme clock and
its room."""
