"""The media node's events: exactly once, in time, harmless when stale; and what a restart makes of a live
lecture."""

import uuid
from datetime import timedelta

from lecture_api.composition.app import create_api
from lecture_api.gatherings import keeper
from lecture_api.gatherings.events import NodeEvent
from lecture_api.gatherings.models import Gathering
from lecture_api.gatherings.node_events import NodeEventIngester
from lecture_api.gatherings.reconcile import reconcile
from lecture_api.gatherings.timeline import load_timeline
from tests.support.api import College


async def state(place: College, gathering_id: str) -> str:
    async with place.runtime.database.read() as db:
        return (await db.get_one(Gathering, uuid.UUID(gathering_id))).state


async def timeline(place: College, gathering_id: str) -> list[tuple[int, str]]:
    """(seconds since the start, state)."""
    async with place.runtime.database.read() as db:
        rows = await load_timeline(db, uuid.UUID(gathering_id))
    return [((row.at_ms - rows[0].at_ms) // 1000, row.state.value) for row in rows]


async def publishing(place: College) -> tuple[str, NodeEventIngester]:
    """A gathering on air whose lecturer publishes."""
    gathering_id = await place.on_air()
    ingester = NodeEventIngester(place.runtime)
    place.clock.advance(seconds=2)
    place.media.happens("publisher_live", gathering_id, "s1", place.clock.now(), source="camera")
    await ingester.pull(wait_s=0)
    return gathering_id, ingester


async def test_lost_publisher_interrupts_at_the_instant_the_node_saw_it(either_place: College) -> None:
    place = either_place
    gathering_id, ingester = await publishing(place)
    place.clock.advance(seconds=58)
    gone = place.clock.now()
    place.clock.advance(seconds=5)
    place.media.happens("publisher_gone", gathering_id, "s1", gone, source="camera", cause="consent_lost")
    await ingester.pull(wait_s=0)
    assert await state(place, gathering_id) == "interrupted"
    place.clock.advance(seconds=10)
    place.media.happens("publisher_live", gathering_id, "s2", place.clock.now(), source="camera")
    await ingester.pull(wait_s=0)
    assert await state(place, gathering_id) == "live"
    assert await timeline(place, gathering_id) == [(0, "live"), (60, "interrupted"), (75, "live")]


async def test_event_delivered_twice_counts_once(place: College) -> None:
    seen: list[int] = []

    async def note(_db: object, event: NodeEvent) -> None:
        seen.append(event.seq)

    place.runtime.hooks.in_transaction(NodeEvent, note)
    gathering_id, ingester = await publishing(place)
    await ingester.pull(wait_s=0)
    await NodeEventIngester(place.runtime).pull(wait_s=0)
    assert seen == [1]
    assert set(place.media.acknowledged) == {("epoch-1", 1)}
    assert await state(place, gathering_id) == "live"


async def test_handler_that_fails_costs_its_own_event_only(place: College) -> None:
    async def breaks(_db: object, event: NodeEvent) -> None:
        if event.type == "viewer_connected":
            raise RuntimeError("broken handler")

    place.runtime.hooks.in_transaction(NodeEvent, breaks)
    gathering_id, ingester = await publishing(place)
    place.media.happens("viewer_connected", gathering_id, "v1", place.clock.now())
    place.media.happens("publisher_gone", gathering_id, "s1", place.clock.now(), cause="deleted")
    await ingester.pull(wait_s=0)
    assert await state(place, gathering_id) == "interrupted"
    assert place.media.acknowledged[-1] == ("epoch-1", 3)


async def test_camera_that_goes_while_the_screen_stays_does_not_interrupt(place: College) -> None:
    gathering_id, ingester = await publishing(place)
    now = place.clock.now()
    place.media.happens("publisher_live", gathering_id, "s2", now, source="screen")
    place.media.happens("publisher_gone", gathering_id, "s1", now, source="camera", cause="deleted")
    await ingester.pull(wait_s=0)
    assert await state(place, gathering_id) == "live"


async def test_replaced_publication_does_not_flicker(place: College) -> None:
    gathering_id, ingester = await publishing(place)
    now = place.clock.now()
    place.media.happens("publisher_gone", gathering_id, "s1", now, source="camera", cause="replaced")
    await ingester.pull(wait_s=0)
    assert await state(place, gathering_id) == "live"
    place.media.happens("publisher_live", gathering_id, "s2", now, source="camera")
    await ingester.pull(wait_s=0)
    assert await timeline(place, gathering_id) == [(0, "live")]


async def test_room_of_a_foreign_tool_is_nobody_s_gathering(place: College) -> None:
    seen: list[NodeEvent] = []

    async def note(_db: object, event: NodeEvent) -> None:
        seen.append(event)

    place.runtime.hooks.in_transaction(NodeEvent, note)
    place.media.happens("publisher_live", "obs-room", "x", place.clock.now())
    place.media.happens("publisher_live", str(uuid.uuid4()), "y", place.clock.now())
    await NodeEventIngester(place.runtime).pull(wait_s=0)
    assert [event.gathering_id for event in seen] == [None, None]


async def test_break_survives_the_loss_of_the_publisher(place: College) -> None:
    gathering_id, ingester = await publishing(place)
    await place.as_("lecturer", "POST", f"/gatherings/{gathering_id}/break")
    place.media.happens("publisher_gone", gathering_id, "s1", place.clock.now(), cause="deleted")
    await ingester.pull(wait_s=0)
    assert await state(place, gathering_id) == "on_break"


async def test_restarted_node_interrupts_and_gets_its_rooms_back(place: College) -> None:
    gathering_id, ingester = await publishing(place)
    recording = place.media.rooms[gathering_id]["recording_id"]
    place.media.epoch, place.media.rooms = "epoch-2", {}
    place.clock.advance(seconds=30)
    await ingester.pull(wait_s=0)
    assert await state(place, gathering_id) == "interrupted"
    assert place.media.rooms[gathering_id]["recording_id"] == recording
    assert place.runtime.media_epoch == "epoch-2"
    async with place.runtime.database.read() as db:
        events = await place.runtime.room_events.after(db, uuid.UUID(gathering_id), 0)
    assert '"media_epoch":"epoch-2"' in [row.frame for row in events if row.kind == "media_epoch"][-1]


async def test_event_spooled_before_the_node_restarted_does_not_make_it_live(place: College) -> None:
    gathering_id, ingester = await publishing(place)
    place.media.happens("publisher_live", gathering_id, "s9", place.clock.now(), source="screen")
    place.media.epoch, place.media.rooms = "epoch-2", {}
    await ingester.pull(wait_s=0)
    assert await state(place, gathering_id) == "interrupted"


async def test_outage_of_the_api_stands_still_as_a_service_gap(either_place: College) -> None:
    place = either_place
    gathering_id, _ingester = await publishing(place)
    place.clock.advance(seconds=58)
    await keeper.keep_once(place.runtime)
    # Killed here; the embedded media node dies with it.
    place.clock.advance(seconds=300)
    place.media.epoch, place.media.rooms = "epoch-2", {}
    place.runtime.media_epoch = None
    create_api(place.runtime)
    await reconcile(place.runtime)
    assert await state(place, gathering_id) == "interrupted"
    assert await timeline(place, gathering_id) == [(0, "live"), (60, "service_gap"), (360, "interrupted")]
    assert place.media.rooms[gathering_id]["recording_id"] in place.recordings.status
    shown = (await place.as_("member10", "GET", f"/gatherings/{gathering_id}")).json()
    assert shown["programme"]["ms"] == 60_000


async def test_outage_with_the_media_node_apart_goes_on_live_after_the_gap(place: College) -> None:
    gathering_id, _ingester = await publishing(place)
    place.clock.advance(seconds=58)
    await keeper.keep_once(place.runtime)
    place.media.publications[gathering_id] = [{"participant": "p", "source": "camera", "state": "live"}]
    place.media.sessions[gathering_id] = [{"session_id": "s1", "participant": "p", "role": "publisher"}]
    place.clock.advance(seconds=60)
    await reconcile(place.runtime)
    assert await timeline(place, gathering_id) == [(0, "live"), (60, "service_gap"), (120, "live")]
    assert await state(place, gathering_id) == "live"


async def test_outage_does_not_count_towards_the_automatic_end(place: College) -> None:
    gathering_id, _ingester = await publishing(place)
    place.clock.advance(seconds=timedelta(hours=2).total_seconds())
    await reconcile(place.runtime)
    await keeper.keep_once(place.runtime)
    assert await state(place, gathering_id) == "interrupted"
