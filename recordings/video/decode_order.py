"""Decode times for pictures that are not shown in the order they come in (B-frames). Knows no file."""

from bisect import insort

_DEEPEST = 16  # ITU-T H.264 §A.3.1: MaxDpbFrames never exceeds 16.


class DecodeOrder:
    """Gives the n-th picture the (n - depth)-th presentation time.

    The depth is learned: how many pictures come before one and are shown after it. So decode times are the
    presentation times of earlier pictures: they neither drift from them nor need a steady frame rate.
    """

    def __init__(self) -> None:
        self._shown: list[int] = []
        self._depth = 0

    def place(self, presentation: int, *, is_behind: bool) -> int:
        """Take the next picture; return its decode time, which may lie behind the one before it.

        Args: is_behind: it may be shown before pictures that came earlier; else those were earlier, too.
        """
        if not is_behind:
            self._shown = [min(shown, presentation) for shown in self._shown]
        self._depth = min(_DEEPEST, max(self._depth, sum(shown > presentation for shown in self._shown)))
        insort(self._shown, presentation)
        del self._shown[: -_DEEPEST - 1]
        return self._shown[-min(len(self._shown), self._depth + 1)]
