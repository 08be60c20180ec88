"""Gathers from the database what the pure functions need for one gathering. Judges nothing."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.core.clock import epoch_ms
from lecture_api.gatherings.models import AttendancePolicy as PolicyRow
from lecture_api.gatherings.models import ConvenedPerson, Gathering, Recording
from lecture_api.presence.intervals import Interval
from lecture_api.presence.programme import clock_pieces, effective_end_ms
from lecture_api.presence.service import Presence, presence_of, until
from lecture_api.records.attendance import Evidence, ReplayEvidence
from lecture_api.records.coverage import Programme
from lecture_api.records.credit import CreditRule
from lecture_api.records.judging import Case
from lecture_api.records.policy import AttendancePolicy, policy_from
from lecture_api.replays.claims import ReplayRange, replay_of
from lecture_api.replays.mapping import newest_map


@dataclass(frozen=True, slots=True)
class GatheringInputs:
    """Everything about one gathering that records are computed from; `ended_ms` is None while it is on
    air.
    """

    gathering: Gathering
    programme: Programme
    policy: AttendancePolicy
    convened: Mapping[uuid.UUID, ConvenedPerson]
    presence: Mapping[uuid.UUID, Presence]
    replay: Mapping[uuid.UUID, tuple[ReplayRange, ...]]
    published_ms: int | None
    ended_ms: int | None
    now_ms: int

    def evidence(self, subject_id: uuid.UUID) -> Evidence:
        """Return what is known of one person; of somebody not convened that is replay only."""
        convened = self.convened.get(subject_id)
        presence = self.presence.get(subject_id) if convened else None
        return evidence_from(
            presence.intervals if presence else (),
            self.replay.get(subject_id, ()),
            until_ms=self.ended_ms or self.now_ms,
            expected_as=convened.expected_as if convened else "member",
            published_ms=self.published_ms,
        )

    def case(self, subject_id: uuid.UUID, rule: CreditRule) -> Case:
        """Everything the record of one convened person depends on."""
        return Case(
            programme=self.programme,
            ended_ms=self.ended_ms,
            policy=self.policy,
            evidence=self.evidence(subject_id),
            rule=rule,
            announced_hundredths=self.gathering.credit_hundredths,
        )


def evidence_from(
    presence: Sequence[Interval],
    replay: Iterable[ReplayRange],
    *,
    until_ms: int,
    expected_as: str,
    published_ms: int | None,
    on_leave: bool = False,
) -> Evidence:
    """Put together what is known of one person; presence beyond `until_ms` (the end, or now) is cut. Pure."""
    return Evidence(
        presence=until(presence, until_ms),
        replay=tuple(ReplayEvidence(item.programme, item.wall, item.accepted_ms) for item in replay),
        expected_as=expected_as,
        on_leave=on_leave,
        published_ms=published_ms,
    )


async def load_inputs(
    db: AsyncSession, gathering: Gathering, now: datetime, subjects: Iterable[uuid.UUID] | None = None
) -> GatheringInputs:
    """Read the inputs of a gathering, of everybody or of `subjects` only."""
    wanted = None if subjects is None else list(subjects)
    now_ms = epoch_ms(now)
    convened = select(ConvenedPerson).where(ConvenedPerson.gathering_id == gathering.id)
    if wanted is not None:
        convened = convened.where(ConvenedPerson.subject_id.in_(wanted))
    policy = await db.get_one(PolicyRow, gathering.policy_version)
    recording = await newest_map(db, gathering.id)
    published_at = await db.scalar(
        select(Recording.published_at).where(Recording.gathering_id == gathering.id)
    )
    return GatheringInputs(
        gathering=gathering,
        programme=Programme(await clock_pieces(db, gathering, now), recording.excluded if recording else ()),
        policy=policy_from(policy),
        convened={row.subject_id: row for row in await db.scalars(convened)},
        presence=await presence_of(db, gathering.id, wanted),
        replay=await replay_of(db, gathering.id, wanted),
        published_ms=None if published_at is None else epoch_ms(published_at),
        ended_ms=effective_end_ms(gathering),
        now_ms=now_ms,
    )
