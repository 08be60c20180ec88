"""The attendance policy: immutable versions of the numbers of domain.md §4.4, pinned by a gathering at its
first Start.

A change of rules is a new version here, never an edit: past records name the version they were computed by.
"""

from dataclasses import dataclass
from typing import Final

MINUTE_MS: Final = 60_000
DAY_MS: Final = 24 * 60 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class AttendancePolicy:
    """Thresholds in percent of the programme, graces and windows in ms, speeds in hundredths (200 = 2.0)."""

    version: str
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


DEFAULT_POLICY: Final = AttendancePolicy(version="2026-1")

POLICIES: Final = {policy.version: policy for policy in (DEFAULT_POLICY,)}


def policy_of(version: str | None) -> AttendancePolicy:
    """Return a pinned version; a gathering that never started has none yet and shows the default.

    Raises: KeyError: the version was never published, which would make a record unexplainable.
    """
    return DEFAULT_POLICY if version is None else POLICIES[version]
