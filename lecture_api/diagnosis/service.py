"""Trials: throw-away rooms for anyone who wants to know whether media gets through, a few at a time.

The media node keeps them short and small (`trial` in docs/protocol/media_node.md); here it is only counted
how many begin.
"""

from collections import OrderedDict
from datetime import timedelta

from lecture_api.core.ids import random_id
from lecture_api.core.rate_limit import RateLimit
from lecture_api.core.runtime import Runtime
from lecture_api.diagnosis.errors import TooManyTrialsError
from lecture_api.diagnosis.schemas import Trial

TRIAL_TTL = timedelta(minutes=2)
#: An address may be a whole campus behind one router.
BURST_BY_ADDRESS, EVERY_S_BY_ADDRESS = 12, 3.0
#: The node has place for twenty checks of three sessions, thirty seconds each.
BURST_OF_ALL, EVERY_S_OF_ALL = 20, 1.5
ADDRESSES_MAX = 4096
ROOM_PREFIX = "trial-"


class TrialDoor:
    """Lets trials in by address and all together; forgets with the process."""

    def __init__(self) -> None:
        self._all = RateLimit(BURST_OF_ALL, EVERY_S_OF_ALL)
        self._by_address: OrderedDict[str, RateLimit] = OrderedDict()

    def let_in(self, address: str, now_s: float) -> None:
        """Count one more trial.

        Raises:
            TooManyTrialsError: with Retry-After.
        """
        limit = self._by_address.setdefault(address, RateLimit(BURST_BY_ADDRESS, EVERY_S_BY_ADDRESS))
        self._by_address.move_to_end(address)
        if len(self._by_address) > ADDRESSES_MAX:
            self._by_address.popitem(last=False)
        if not (limit.allows(now_s) and self._all.allows(now_s)):
            wait_s = int(EVERY_S_BY_ADDRESS)
            raise TooManyTrialsError(extra={"retry_after_s": wait_s}, headers={"Retry-After": str(wait_s)})


def begin(runtime: Runtime, door: TrialDoor, address: str) -> Trial:
    """A fresh room and a token that opens it alone.

    Raises:
        TooManyTrialsError: see `TrialDoor`.
    """
    door.let_in(address, runtime.clock.monotonic())
    participant = str(random_id())
    room = f"{ROOM_PREFIX}{participant}"
    token = runtime.room_tokens.mint(room=room, participant=participant, grants=["trial"], ttl=TRIAL_TTL)
    return Trial(
        token=token,
        whip_url=f"/whip/{room}",
        whep_url=f"/whep/{room}",
        expires_at=runtime.clock.now() + TRIAL_TTL,
    )
