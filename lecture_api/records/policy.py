"""The attendance policy as the pure functions want it: the numbers of domain.md §4.4 in one frozen value.

Versions are rows of gatherings (a gathering pins one at its first Start); nothing here changes a
published one.
"""

from dataclasses import dataclass
from typing import Final

from lecture_api.gatherings.models import AttendancePolicy as PolicyRow

MINUTE_MS: Final = 60_000
DAY_MS: Final = 24 * 60 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class AttendancePolicy:
    """Thresholds in percent of the programme, graces in ms; `engaged_hundredths` caps coverage by wall
    time (200: 2×).
    """

    version: int = 1
    threshold_percent: int = 80
    late_threshold_percent: int = 60
    late_grace_ms: int = 10 * MINUTE_MS
    leave_grace_ms: int = 10 * MINUTE_MS
    bridge_ms: int = 30_000
    makeup_percent: int = 90
    makeup_days: int = 30
    engaged_hundredths: int = 200

    @property
    def makeup_window_ms(self) -> int:
        """How long after publication replay progress still makes up."""
        return self.makeup_days * DAY_MS


DEFAULT_POLICY: Final = AttendancePolicy()


def policy_from(row: PolicyRow) -> AttendancePolicy:
    """Read a pinned version."""
    return AttendancePolicy(
        version=row.version,
        threshold_percent=row.threshold_percent,
        late_threshold_percent=row.late_threshold_percent,
        late_grace_ms=row.late_grace_ms,
        leave_grace_ms=row.leave_grace_ms,
        bridge_ms=row.bridge_ms,
        makeup_percent=row.makeup_percent,
        makeup_days=row.makeup_days,
    )
