"""Many people's microphones in one room: who may publish, who takes over from whom, what is told of who
speaks."""

import json
from pathlib import Path

from tests.support.media_node_on_fake import node_on_fake, until
from tests.support.offers import publisher_offer

SOUND = publisher_offer(has_video=False)


async def test_every_participant_may_publish_a_microphone_and_only_one(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path) as node:
        for participant in ("a", "b", "a"):
            await node.connected("whip", participant, source="microphone", offer=SOUND)
        gone = [event for event in await node.events() if event["type"] == "publisher_gone"]
        assert [(event["participant"], event["data"]) for event in gone] == [
            ("a", {"source": "microphone", "cause": "replaced"})
        ]
        state = (await node.control("GET", "/rooms/room")).json()
        assert [entry["source"] for entry in state["publications"]] == ["microphone", "microphone"]


async def test_a_room_takes_thirty_microphones(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path) as node:
        for number in range(30):
            assert (
                await node.post("whip", f"p{number}", offer=SOUND, source="microphone")
            ).status_code == 201
        refused = await node.post("whip", "p30", offer=SOUND, source="microphone")
        assert (refused.status_code, refused.json()["code"]) == (409, "source_taken")


async def test_a_microphone_with_a_picture_is_refused(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path) as node:
        refused = await node.post("whip", offer=publisher_offer(), source="microphone")
        assert (refused.status_code, refused.json()["code"]) == (422, "sdp_unsupported")


async def test_who_speaks_is_an_event_with_people_in_it(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path) as node:
        numbers = []
        for participant in ("a", "b"):
            await node.connected("whip", participant, source="microphone", offer=SOUND)
            numbers.append(node.engine.called("publish")[-1][1])
        told = {"speaking": [numbers[1], 999], "heard": [numbers[0], numbers[1], None]}
        node.engine.emit("speakers", 0, "room", json.dumps(told).encode())
        await until(lambda: "speakers" in str(node.node.services.events.after(None, 0)))
        event = (await node.events())[-1]
        assert (event["type"], event["room"], event["participant"]) == ("speakers", "room", None)
        assert event["data"] == {
            "speaking": [{"publication_id": numbers[1], "participant": "b"}],
            "heard": {"A0": numbers[0], "A1": numbers[1], "A2": None},
        }
