"""The replays of the demo: a drawn scene for each gathering of its past, as a recorder would have left it."""

import shutil
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.core.clock import epoch_ms
from lecture_api.core.ids import new_id
from lecture_api.core.runtime import Runtime
from lecture_api.gatherings.events import RecordingFinished
from lecture_api.gatherings.models import Gathering, Recording
from lecture_api.gatherings.room_control import room_of
from lecture_api.gatherings.states import RecordingState
from lecture_api.settings import Settings
from recordings.scenery import encode_scene
from recordings.settings import RecordingsSettings
from recordings.staging import stage_recording

#: One a gathering, in turn: ochre, pine, slate, brick, moss, plum.
_HUES = (0.09, 0.45, 0.58, 0.03, 0.25, 0.72)
_STEPS = 12


@dataclass(frozen=True, slots=True)
class StagedReplay:
    """A recording that lies on disk and nobody knows of yet."""

    recording_id: uuid.UUID
    status: dict[str, Any]


def stage_replay(settings: Settings, gathering: Gathering, turn: int) -> StagedReplay:
    """Write the recording of a gathering that is over, aligned with its programme clock. Blocking: a second.

    Raises:
        OSError: it does not fit on the disk; nothing of it is left.
    """
    start, end = gathering.actual_start, gathering.actual_end
    assert start is not None
    assert end is not None
    recording_id = new_id()
    directory = RecordingsSettings(data_dir=settings.data_dir).recordings_dir / str(recording_id)
    try:
        status = stage_recording(
            directory,
            room=room_of(gathering.id),
            wall_start_ms=epoch_ms(start),
            length_ms=epoch_ms(end) - epoch_ms(start),
            scene=encode_scene(_HUES[turn % len(_HUES)], _STEPS, is_mirrored=turn % 2 == 1),
        )
    except OSError:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    return StagedReplay(recording_id, status)


async def publish_replay(
    db: AsyncSession, runtime: Runtime, gathering: Gathering, staged: StagedReplay
) -> None:
    """Make it the gathering's replay, told to whom the end of a real one is told; its timeline is written."""
    assert gathering.actual_start is not None
    db.add(
        Recording(
            id=staged.recording_id,
            gathering_id=gathering.id,
            state=RecordingState.PUBLISHED.value,
            duration_ms=staged.status["duration_ms"],
            final_status=staged.status,
            started_at=gathering.actual_start,
            finished_at=gathering.actual_end,
            published_at=gathering.actual_end,
        )
    )
    await db.flush()
    await runtime.hooks.publish(db, RecordingFinished(gathering.id, staged.recording_id, staged.status))
