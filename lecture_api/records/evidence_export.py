"""Exports the evidence of stored records: a member's own, and a gathering's for who holds its roll.

Both write the same file (evidence_file); only records that exist have one, so what somebody watched without
being convened is in no export but is read by that person alone (service).
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.accounts.models import PersonSubject
from lecture_api.core.actor import Actor
from lecture_api.core.clock import epoch_ms
from lecture_api.core.runtime import Runtime
from lecture_api.gatherings.access import Need, gathering_for
from lecture_api.gatherings.models import Gathering
from lecture_api.gatherings.programme_clock import TimelineRow
from lecture_api.gatherings.timeline import load_timeline
from lecture_api.presence.evidence import CloseCause
from lecture_api.records import evidence_file as parts
from lecture_api.records.attendance import AttendanceStatus, MakeupStatus
from lecture_api.records.credit import Credit, CreditRule
from lecture_api.records.credit_rules import RuleBook, rules_by_version
from lecture_api.records.errors import NoRecordError, NotOnRollError
from lecture_api.records.inputs import GatheringInputs, load_inputs
from lecture_api.records.judging import KEPT, Earlier, judge
from lecture_api.records.ledger import Account, accounts, credit_in
from lecture_api.records.models import AttendanceRecord
from lecture_api.records.recompute import earlier_of, homes_and_rules
from lecture_api.replays.claims import KeptClaim, claims_of
from lecture_api.replays.mapping import MapVersion, newest_map


async def own_evidence(runtime: Runtime, actor: Actor, gathering_id: uuid.UUID) -> parts.EvidenceFile:
    """The evidence of the caller's own record of one gathering.

    Raises: NoRecordError: not convened, not over, or no such gathering.
    """
    async with runtime.database.read() as db:
        if await db.get(AttendanceRecord, (gathering_id, actor.subject_id)) is None:
            raise NoRecordError
        kept = await load_evidence(db, runtime, gathering_id, [actor.subject_id])
    return kept.file(actor.subject_id)


async def own_evidence_lines(runtime: Runtime, actor: Actor) -> list[bytes]:
    """The evidence of all records of the caller, oldest gathering first, one line each."""
    lines = []
    async with runtime.database.read() as db:
        gatherings = await db.scalars(
            select(Gathering.id)
            .join(AttendanceRecord, AttendanceRecord.gathering_id == Gathering.id)
            .where(AttendanceRecord.subject_id == actor.subject_id)
            .order_by(Gathering.actual_start, Gathering.id)
        )
        for gathering_id in gatherings.all():
            kept = await load_evidence(db, runtime, gathering_id, [actor.subject_id])
            lines.append(line_of(kept.file(actor.subject_id)))
    return lines


async def roll_evidence(
    runtime: Runtime, actor: Actor, gathering_id: uuid.UUID, person_id: uuid.UUID | None = None
) -> "GatheringEvidence":
    """The evidence of a gathering's records in the part of the roll that the caller holds, or of one person.

    Raises: GatheringNotFoundError, NotInvitedError: no roll for the caller.
        NotOnRollError: `person_id` has no record in that part.
    """
    async with runtime.database.read() as db:
        admission = await gathering_for(db, actor, runtime.clock, gathering_id, Need.HOLD_ROLL)
        subjects = None
        if person_id is not None:
            subjects = list(
                await db.scalars(select(PersonSubject.subject_id).where(PersonSubject.person_id == person_id))
            )
        kept = await load_evidence(db, runtime, gathering_id, subjects, admission.roll_organisations)
    if person_id is not None and not kept.records:
        raise NotOnRollError
    return kept


def line_of(file: parts.EvidenceFile) -> bytes:
    """One line of JSON lines, sealed."""
    return parts.canonical(parts.document_of(file)) + b"\n"


@dataclass(frozen=True, slots=True)
class GatheringEvidence:
    """Everything read for an export; files are made one by one, so a big roll is never text all at once."""

    inputs: GatheringInputs
    timeline: tuple[TimelineRow, ...]
    recording: MapVersion | None
    claims: Mapping[uuid.UUID, tuple[KeptClaim, ...]]
    records: Mapping[uuid.UUID, AttendanceRecord]
    held: Mapping[uuid.UUID, Account]
    homes: Mapping[uuid.UUID, uuid.UUID]
    rules: RuleBook
    versions: Mapping[str, CreditRule]

    def file(self, subject_id: uuid.UUID) -> parts.EvidenceFile:
        """The file of one person who has a record."""
        record = self.records[subject_id]
        post = self.held.get(subject_id, Account()).open_post
        credit = credit_in(post) if post else None
        rule = self._rule(subject_id, credit)
        convened = self.inputs.convened[subject_id]
        presence = self.inputs.presence.get(subject_id)
        mapped, claims = self.recording, self.claims.get(subject_id, ())
        return parts.EvidenceFile(
            format="zhijian-evidence",
            version=1,
            subject_id=subject_id,
            gathering=self._gathering(),
            convened=parts.ConvenedPart(
                expected_as=convened.expected_as,
                on_leave=self.inputs.evidence(subject_id).on_leave,
                home_organisation_id=self.homes.get(subject_id),
            ),
            timeline=[parts.TimelinePart(at_ms=row.at_ms, state=row.state) for row in self.timeline],
            presence=[
                parts.PresencePart(
                    source=line.source,
                    start_ms=line.start_ms,
                    end_ms=line.end_ms,
                    cause=CloseCause(line.cause) if line.cause else None,
                )
                for line in (presence.lines if presence else ())
            ],
            recording=None
            if mapped is None
            else parts.RecordingPart(
                id=mapped.recording_id,
                map_version=mapped.version,
                pieces=[(p.programme_start_ms, p.programme_end_ms, p.file_start_ms) for p in mapped.pieces],
                duration_ms=mapped.duration_ms,
            ),
            published_ms=self.inputs.published_ms,
            excluded=[(start, end) for start, end in self.inputs.programme.excluded],
            replay=[
                parts.ClaimPart(
                    accepted=[(start, end) for start, end in claim.file],
                    wall=[(start, end) for start, end in claim.wall],
                    accepted_ms=claim.accepted_ms,
                )
                for claim in claims
            ],
            policy=parts.PolicyPart(**asdict(self.inputs.policy)),
            announced_hundredths=self.inputs.gathering.credit_hundredths,
            credit_rule=parts.RulePart(
                version=rule.version,
                bands=[(band.from_ms, band.hundredths) for band in rule.bands],
                makeup_category=rule.makeup_category,
            ),
            earlier=self._earlier(subject_id, record, credit, rule),
            stored=_stored_part(record, credit),
            evidence_hash=None,
        )

    def _gathering(self) -> parts.GatheringPart:
        gathering, ended_ms = self.inputs.gathering, self.inputs.ended_ms
        assert gathering.actual_start is not None
        assert ended_ms is not None
        return parts.GatheringPart(
            id=gathering.id,
            code=gathering.code,
            started_ms=epoch_ms(gathering.actual_start),
            ended_ms=ended_ms,
            end_corrected=gathering.effective_end is not None,
        )

    def _rule(self, subject_id: uuid.UUID, credit: Credit | None) -> CreditRule:
        """The version the ledger booked by; where nothing is booked, the one in force."""
        booked = self.versions.get(credit.rule_version) if credit else None
        return booked or self.rules.rule_for(self.homes.get(subject_id))

    def _earlier(
        self, subject_id: uuid.UUID, record: AttendanceRecord, credit: Credit | None, rule: CreditRule
    ) -> parts.EarlierPart | None:
        """What the record and the ledger keep beyond what this evidence earns; None where that is nothing.

        A status counts as kept only if the record says so itself: what is merely wrong must not look granted.
        """
        says_so = any(line["code"] == KEPT for line in record.why)
        alone = judge(self.inputs.case(subject_id, rule), Earlier(credit=credit))
        beyond = credit if alone.credit != alone.due else None
        if not says_so and beyond is None:
            return None
        kept = earlier_of(record) if says_so else Earlier()
        return parts.EarlierPart(
            attendance_status=kept.status, makeup_status=kept.makeup, credit=_credit_part(beyond)
        )


async def load_evidence(
    db: AsyncSession,
    runtime: Runtime,
    gathering_id: uuid.UUID,
    subjects: Iterable[uuid.UUID] | None = None,
    home_branches: frozenset[uuid.UUID] | None = None,
) -> GatheringEvidence:
    """Read what stands behind the records of a gathering: of everybody, of `subjects`, of `home_branches`."""
    wanted = None if subjects is None else list(subjects)
    gathering = await db.get_one(Gathering, gathering_id)
    inputs = await load_inputs(db, gathering, runtime.clock.now(), wanted)
    statement = select(AttendanceRecord).where(AttendanceRecord.gathering_id == gathering_id)
    if wanted is not None:
        statement = statement.where(AttendanceRecord.subject_id.in_(wanted))
    records = {
        row.subject_id: row
        for row in await db.scalars(statement.order_by(AttendanceRecord.subject_id))
        if row.subject_id in inputs.convened
        and (home_branches is None or inputs.convened[row.subject_id].home_branch_id in home_branches)
    }
    recording = await newest_map(db, gathering_id)
    claims = await claims_of(db, gathering_id, recording.recording_id, wanted) if recording else {}
    held = await accounts(db, gathering_id, wanted)
    homes, rules = await homes_and_rules(db, list(records), inputs.ended_ms or inputs.now_ms)
    posts = [account.open_post for account in held.values()]
    return GatheringEvidence(
        inputs=inputs,
        timeline=tuple(await load_timeline(db, gathering_id)),
        recording=recording,
        claims=claims,
        records=records,
        held=held,
        homes=homes,
        rules=rules,
        versions=await rules_by_version(db, {post.rule_version for post in posts if post}),
    )


def _stored_part(record: AttendanceRecord, credit: Credit | None) -> parts.StoredPart:
    return parts.StoredPart(
        attendance_status=AttendanceStatus(record.attendance_status),
        makeup_status=MakeupStatus(record.makeup_status),
        proposal=record.proposal,
        length_ms=record.length_ms,
        live_ms=record.live_ms,
        bridged_ms=record.bridged_ms,
        replay_ms=record.replay_ms,
        engaged_ms=record.engaged_ms,
        first_seen_ms=None if record.first_seen_at is None else epoch_ms(record.first_seen_at),
        last_seen_ms=None if record.last_seen_at is None else epoch_ms(record.last_seen_at),
        spans=[(kind, start, end) for kind, start, end in record.spans],
        why=[parts.WhyPart(code=line["code"], params=line["params"]) for line in record.why],
        policy_version=record.policy_version,
        input_hash=record.input_hash,
        credit=_credit_part(credit),
    )


def _credit_part(credit: Credit | None) -> parts.CreditPart | None:
    return None if credit is None else parts.CreditPart(**asdict(credit))
