"""Stream keys: with what OBS or ffmpeg publishes into a gathering, and how all of them are revoked at once.

A key is a publish token that lives as long as the lecture may need it, so it carries a generation; the media
node refuses what is below the room's (docs/protocol/media_node.md). Nothing of a key is stored.
"""

import uuid
from datetime import timedelta

import structlog

from lecture_api.core.actor import Actor
from lecture_api.core.runtime import Runtime
from lecture_api.gatherings.access import Need, gathering_for
from lecture_api.gatherings.models import Gathering
from lecture_api.gatherings.room_control import match_room, one_at_a_time, room_of
from lecture_api.gatherings.schemas import StreamKey

_log = structlog.get_logger(__name__)
#: Beyond the scheduled end: lectures run late, and a key that dies in mid-lecture cannot reconnect.
KEY_OUTLIVES_END = timedelta(hours=12)


def issue(runtime: Runtime, actor: Actor, gathering: Gathering, *, in_force: bool = True) -> StreamKey:
    """A key for somebody who may publish. It works while the gathering is on air."""
    now = runtime.clock.now()
    ttl = max(gathering.scheduled_end, now) + KEY_OUTLIVES_END - now
    room = room_of(gathering.id)
    key = runtime.room_tokens.mint(
        room=room,
        # As in the page: OBS takes over from the same person's browser, and the other way round.
        participant=str(actor.subject_id),
        grants=["publish"],
        ttl=ttl,
        key_generation=gathering.key_generation,
    )
    return StreamKey(
        key=key,
        url=f"/whip/{room}",
        expires_at=now + ttl,
        generation=gathering.key_generation,
        in_force=in_force,
    )


async def renew(runtime: Runtime, actor: Actor, gathering_id: uuid.UUID) -> StreamKey:
    """Raise the generation: whoever publishes with an older key is cut off, and a new key is given.

    While the media node does not answer, `in_force` is False and the keeper goes on telling it; a node that
    comes back accepts no key before.
    """
    async with one_at_a_time(gathering_id):
        async with runtime.database.write() as db:
            admission = await gathering_for(db, actor, runtime.clock, gathering_id, Need.PUBLISH)
            gathering = admission.gathering
            gathering.key_generation += 1
        in_force = await match_room(runtime, gathering_id)
    _log.info("stream_keys_revoked", gathering=str(gathering_id), generation=gathering.key_generation)
    return issue(runtime, actor, gathering, in_force=in_force)
