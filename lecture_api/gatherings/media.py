"""Media grants for browsers and the host's view of what arrives and what is recorded."""

from datetime import timedelta
from typing import Any

from lecture_api.core.actor import Actor
from lecture_api.core.media_node_client import MediaNodeError
from lecture_api.core.recordings_client import RecordingsError
from lecture_api.core.runtime import Runtime
from lecture_api.gatherings.access import Admission
from lecture_api.gatherings.errors import NotOnAirError
from lecture_api.gatherings.models import Recording
from lecture_api.gatherings.room_control import room_of
from lecture_api.gatherings.schemas import (
    MediaGrant,
    MediaGrantIn,
    PublicationOut,
    RecorderOut,
    Studio,
    Uplink,
)
from lecture_api.gatherings.service import is_on_air
from lecture_api.gatherings.states import RecordingState

#: Checked when a WHIP or WHEP session is made or restarted; a page that needs it later asks for a new one.
GRANT_TTL = timedelta(hours=6)


async def media_grant(runtime: Runtime, actor: Actor, admission: Admission, body: MediaGrantIn) -> MediaGrant:
    """A token for the gathering's room, for whoever was admitted to watch or to publish.

    Raises:
        NotOnAirError: media exists only between Start and End.
    """
    gathering = admission.gathering
    if not is_on_air(gathering):
        raise NotOnAirError(extra={"state": gathering.state})
    room = room_of(gathering.id)
    token = runtime.room_tokens.mint(
        room=room, participant=str(actor.subject_id), grants=[body.purpose], ttl=GRANT_TTL
    )
    if runtime.extend_login is not None:
        await runtime.extend_login(actor.login_session_id)
    # Same origin always: pages may talk to no other host; a reverse proxy leads to a media node that runs
    # apart.
    path = f"/whip/{room}?source={body.source}" if body.purpose == "publish" else f"/whep/{room}"
    return MediaGrant(
        token=token,
        url=path,
        expires_at=runtime.clock.now() + GRANT_TTL,
        media_epoch=runtime.media_epoch,
        # ICE servers come with the Link header of the WHIP and WHEP answers (RFC 9725 §4.6).
        ice_servers=[],
    )


async def studio(runtime: Runtime, admission: Admission, recording: Recording | None) -> Studio:
    """What arrives and what is recorded right now; a part that does not answer is null."""
    gathering = admission.gathering
    room: dict[str, Any] = {}
    if is_on_air(gathering):
        try:
            room = await runtime.media_node.room(room_of(gathering.id)) or {}
        except MediaNodeError:
            room = {}
    publications = [
        PublicationOut.model_validate({name: item.get(name) for name in PublicationOut.model_fields})
        for item in room.get("publications", [])
    ]
    # People, hosts left out, as the room is told; the node's sessions hold the desk's own mirror too.
    viewers = runtime.viewer_counts.now(gathering.id)
    return Studio(
        viewers=viewers,
        peak_viewers=max(gathering.peak_viewers, runtime.viewer_counts.peak(gathering.id), viewers),
        uplink=_uplink(publications),
        recorder=await _recorder(runtime, recording),
        publications=publications,
    )


def _uplink(publications: list[PublicationOut]) -> Uplink | None:
    if not publications:
        return None
    shown = next((item for item in publications if item.kind == "video"), publications[0])
    return Uplink(
        bitrate_bps=sum(item.bitrate_bps for item in publications),
        loss=shown.loss,
        rtt_ms=shown.rtt_ms,
        state=shown.state,
    )


async def _recorder(runtime: Runtime, recording: Recording | None) -> RecorderOut | None:
    if recording is None or recording.state != RecordingState.RECORDING:
        return None
    try:
        status = await runtime.recordings.recording(str(recording.id))
    except RecordingsError:
        return RecorderOut(
            state="unreachable",
            last_part_age_ms=None,
            disk_free_ratio=None,
            warnings=["recorder_unreachable"],
        )
    if status is None:
        return RecorderOut(state="starting", last_part_age_ms=None, disk_free_ratio=None, warnings=[])
    return RecorderOut(
        state=status["state"],
        last_part_age_ms=status.get("last_part_age_ms"),
        disk_free_ratio=status.get("disk_free_ratio"),
        warnings=status.get("warnings") or [],
    )
