"""The room channel over a real uvicorn with the websockets client; the clock moves by hand."""

import asyncio
import contextlib
import uuid

import pytest
import websockets
from sqlalchemy import select

from lecture_api.accounts.events import LoginsEnded
from lecture_api.core.actor import Role
from lecture_api.gatherings.events import NodeEvent
from lecture_api.presence.models import PresenceInterval, PresenceOpen
from lecture_api.room_channel import room as room_module
from lecture_api.room_channel.models import ChatMessage
from tests.support.learning import scene
from tests.support.room_house import open_house


@pytest.fixture
async def house(sqlite_url, tmp_path):
    async with scene(sqlite_url) as stage, open_house(stage, tmp_path) as opened:
        yield opened


async def host_of(house):
    subject = await house.stage.add_person()
    house.stage.roles[subject] = [(Role.SECRETARY, house.stage.branch_id)]
    return subject


async def test_hello_comes_first_and_says_what_the_client_needs(house):
    member = await house.stage.add_person()
    await house.state("live", 0)
    async with house.client(member) as client:
        hello = await client.next()
        assert hello["type"] == "hello"
        assert hello["media_epoch"] == "epoch-1"
        assert (hello["counted"], hello["page_state"], hello["seq"]) == (True, "live", 1)
        assert (await client.next("event"))["kind"] == "state"
        assert (await client.next("ping"))["n"] == 1


async def test_refusals_close_with_their_code(house):
    async def code_of(subject, gathering=None, **options):
        real = house.stage.gathering_id
        house.stage.gathering_id = gathering or real
        try:
            async with house.client(subject, **options) as client:
                with pytest.raises(websockets.ConnectionClosed) as closed:
                    await client.next("never")
        finally:
            house.stage.gathering_id = real
        return closed.value.rcvd.code

    member, stranger = await house.stage.add_person(), await house.stage.add_person(convened=False)
    assert await code_of(None) == 4401
    assert await code_of(member, gathering=uuid.uuid4()) == 4404
    assert await code_of(member, origin="http://elsewhere.example") == 4403
    async with house.stage.database.write() as db:
        from lecture_api.gatherings.models import Gathering

        (await db.get_one(Gathering, house.stage.gathering_id)).may_watch = "participants"
    assert await code_of(stranger) == 4403


async def test_a_line_is_acknowledged_after_commit_and_a_repeat_is_the_same_line(house):
    member, other = await house.stage.add_person(), await house.stage.add_person()
    async with house.client(member) as client, house.client(other) as witness:
        client_id = await client.say("大家好")
        ack = await client.next("ack")
        async with house.stage.database.read() as db:
            assert (await db.scalar(select(ChatMessage.text))) == "大家好"
        await client.say("大家好", client_id)
        assert await client.next("ack") == ack
        seen = await witness.next("event")
        assert (seen["text"], seen["seq"], seen["author"]["display_name"]) == ("大家好", ack["seq"], "人0")
        await client.say("第二句")
        assert (await witness.next("event"))["text"] == "第二句"


async def test_reconnecting_after_a_kill_resumes_with_the_same_bytes_nothing_missed_or_doubled(house):
    member, other = await house.stage.add_person(), await house.stage.add_person()
    async with house.client(other) as witness, house.client(member) as talker:
        for n in range(3):
            await talker.say(f"before {n}")
        first = await witness.events_until(3)
        async with house.client(member) as lost:
            await lost.events_until(2)
            lost.socket.transport.abort()
        house.stage.clock.advance(seconds=30)
        for n in range(4):
            await talker.say(f"while away {n}")
        everything = await witness.events_until(7)
    async with house.client(member, after=2) as back:
        assert await back.events_until(7) == everything[2:]
        assert everything[:3] == first
        assert (await back.next("ping"))["n"] == 1
        await back.say("after")
        assert (await back.next("event"))["seq"] == 8


async def test_a_number_from_another_database_begins_anew_with_the_newest_events(house):
    member = await house.stage.add_person()
    async with house.client(member) as client:
        for n in range(3):
            house.stage.clock.advance(seconds=2)
            await client.say(f"{n}")
            await client.next("ack")
    async with house.client(member, after=99) as client:
        assert len(await client.events_until(3)) == 3


async def test_beats_make_presence_and_leaving_ends_it_at_once(house):
    member, stranger = await house.stage.add_person(), await house.stage.add_person(convened=False)
    await house.state("live", 0)
    async with house.client(member) as client, house.client(stranger) as watcher:
        for _ in range(5):
            ping = await client.next("ping")
            await client.send(type="pong", n=ping["n"])
            await watcher.send(type="pong", n=(await watcher.next("ping"))["n"])
            await client.say("beat")
            await client.next("ack")
            house.stage.clock.advance(seconds=2)
        house.stage.clock.advance(seconds=1)
    await left(house, member)
    found = await house.presence(member)
    assert found.intervals == ((house.stage.start_ms, house.stage.start_ms + 11_000),)
    assert await house.presence(stranger) is None


async def left(house, subject):
    """Until the server has noticed that nobody of this subject is open any more."""
    async with asyncio.timeout(10):
        while True:
            await house.tracker.flush()
            async with house.stage.database.read() as db:
                if await db.scalar(select(PresenceOpen).where(PresenceOpen.subject_id == subject)) is None:
                    return
            await asyncio.sleep(0.02)


async def test_who_waited_counts_from_start_and_end_closes_every_interval(house):
    member = await house.stage.add_person()
    async with house.client(member) as client:
        await client.next("ping")
        house.stage.clock.advance(seconds=3)
        await house.state("live", 3 / 60)
        await client.next("event", kind="state")
        # Heard just now, or seven silent seconds would be a dead line.
        await client.say("here")
        await client.next("ack")
        house.stage.clock.advance(seconds=4)
        await house.state("ended", 7 / 60)
        await client.next("event", gathering_state="ended")
        await left(house, member)
        async with house.stage.database.read() as db:
            [interval] = await db.scalars(select(PresenceInterval))
        assert interval.cause == "ended"
        assert (interval.ended_at - interval.started_at).total_seconds() == 4


async def test_a_silent_client_is_dead_after_five_seconds_and_keeps_its_grace(house):
    member = await house.stage.add_person()
    await house.state("live", 0)
    async with house.client(member) as client:
        await client.send(type="pong", n=(await client.next("ping"))["n"])
        await client.say("here")
        await client.next("ack")
        house.stage.clock.advance(seconds=6)
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await client.next("never")
    assert closed.value.rcvd.code == 4408
    house.stage.clock.advance(seconds=30)
    found = await house.presence(member)
    assert found.intervals == ((house.stage.start_ms, house.stage.start_ms + 20_000),)


async def test_the_chip_tells_counted_minutes_and_why_they_stand_still(house):
    member = await house.stage.add_person()
    await house.state("live", 0)
    async with house.client(member) as client:
        chip = await client.next("presence")
        assert (chip["counting"], chip["reason"]) == (True, "counting")
        await house.tracker.flush()
        house.stage.clock.advance(seconds=4)
        await house.state("on_break", 4 / 60)
        chip = await client.next("presence", reason="on_break")
        assert (chip["counting"], chip["counted_ms"]) == (False, 4_000)


async def test_the_host_hides_mutes_and_sees_the_roster_and_a_member_may_not(house):
    host, member = await host_of(house), await house.stage.add_person()
    await house.state("live", 0)
    async with house.client(host) as desk, house.client(member) as client:
        await client.say("不妥")
        said = await desk.next("event", kind="chat")
        await client.send(type="hide", message_id=said["message_id"])
        assert (await client.next("error"))["code"] == "not_allowed"
        await client.send(type="roster", on=True)
        assert (await client.next("error"))["code"] == "not_allowed"
        await desk.send(type="hide", message_id=said["message_id"])
        assert (await client.next("event", kind="chat_hidden"))["message_id"] == said["message_id"]
        await desk.send(type="mute", participant_id=str(member), muted=True)
        await desk.send(type="mute", participant_id=str(host), muted=True)
        assert (await desk.next("error"))["code"] == "not_allowed"
        client_id = await client.say("还想说")
        refused = await client.next("error")
        assert (refused["code"], refused["client_id"]) == ("muted", client_id)
        await house.tracker.flush()
        await desk.send(type="roster", on=True)
        roster = await desk.next("roster")
        assert {row["participant_id"] for row in roster["rows"]} == {str(host), str(member)}
        assert {row["state"] for row in roster["rows"]} == {"here"}


async def test_a_hidden_line_is_told_to_nobody_who_comes_later(house):
    host, member = await host_of(house), await house.stage.add_person()
    await house.state("live", 0)
    async with house.client(host) as desk:
        await desk.say("不妥")
        said = await desk.next("event", kind="chat")
        await desk.send(type="hide", message_id=said["message_id"])
        await desk.next("event", kind="chat_hidden")
    async with house.client(member) as late:
        replayed = await late.next("event", kind="chat")
        assert (replayed["message_id"], replayed["text"]) == (said["message_id"], "")
        assert (await late.next("event", kind="chat_hidden"))["message_id"] == said["message_id"]


async def test_who_is_too_far_behind_begins_anew_instead_of_being_cut_off_each_time(house, monkeypatch):
    monkeypatch.setattr(room_module, "MISSED_MOST", 3)
    monkeypatch.setattr(room_module, "HISTORY", 2)
    host, member = await host_of(house), await house.stage.add_person()
    await house.state("live", 0)
    async with house.client(host) as desk:
        for n in range(5):
            await desk.say(f"{n}")
            await desk.next("ack")
    async with house.client(member, after=1) as late:
        assert (await late.next("event"))["seq"] == 5


async def test_signing_out_ends_the_channel_at_once(house):
    member = await house.stage.add_person()
    async with house.client(member) as client:
        await client.next("hello")
        [person_id] = {c.actor.person_id for room in house.hub._rooms.values() for c in room.connections}
        house.stage.signed_out.add(member)
        await house.hub.on_logins_ended(LoginsEnded(person_id))
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await client.next("never")
    assert closed.value.rcvd.code == 4401


async def test_too_fast_too_long_malformed_and_closed_are_said_and_nothing_breaks(house):
    member = await house.stage.add_person()
    async with house.client(member) as client:
        await client.socket.send("{")
        assert (await client.next("error"))["code"] == "malformed"
        await client.socket.send(b"\x00\x01")
        await client.say("x" * 501)
        assert (await client.next("error"))["code"] == "too_long"
        for n in range(6):
            await client.say(f"{n}")
        assert (await client.next("error"))["code"] == "too_fast"
        await house.state("cancelled", 0)
        await client.say("noch da?")
        assert (await client.next("error"))["code"] == "chat_closed"


async def test_viewers_are_counted_by_person_without_the_host(house):
    host, member = await host_of(house), await house.stage.add_person()
    async with house.client(host) as desk, house.client(member), house.client(member):
        while (await desk.next("viewers"))["count"] != 1:
            house.stage.clock.advance(seconds=1)
        assert house.runtime.viewer_counts.now(house.stage.gathering_id) == 1


async def test_signing_out_elsewhere_ends_the_channel_and_a_lecture_keeps_the_login_alive(house):
    member, extended = await house.stage.add_person(), []

    async def extend(login_session_id):
        extended.append(login_session_id)

    house.runtime.extend_login = extend
    async with house.client(member) as client:
        for n in range(18):
            house.stage.clock.advance(seconds=2)
            await client.send(type="pong", n=(await client.next("ping"))["n"])
            await client.say(f"{n}")
            await client.next("ack")
        async with asyncio.timeout(10):
            while not extended:
                await asyncio.sleep(0.02)
        house.stage.signed_out.add(member)
        house.stage.clock.advance(seconds=4)
        await client.say("x")

        async def stay():
            for n in range(30):
                house.stage.clock.advance(seconds=2)
                await client.send(type="pong", n=n)
                await client.next("ping")

        with pytest.raises(websockets.ConnectionClosed) as closed:
            await stay()
    assert closed.value.rcvd.code == 4401


async def test_an_orderly_stop_says_restart(house):
    member = await house.stage.add_person()
    async with house.client(member) as client:
        await client.next("hello")
        await house.hub.close()
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await client.next("never")
    assert closed.value.rcvd.code == 1012


async def test_a_hundred_connections_get_every_line_from_one_reading(house):
    members = [await house.stage.add_person() for _ in range(5)]
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(house.client(members[n % 5])) for n in range(100)]
        await clients[0].say("一")
        for client in clients:
            assert (await client.next("event"))["text"] == "一"


async def test_who_speaks_is_told_to_everybody_and_to_who_comes_later(house):
    member, late = await house.stage.add_person(), await house.stage.add_person()

    def speakers(*participants):
        return NodeEvent(
            node_epoch="epoch-1",
            seq=1,
            type="speakers",
            room="r",
            gathering_id=house.stage.gathering_id,
            participant=None,
            session_id=None,
            at=house.stage.clock.now(),
            data={"speaking": [{"publication_id": 7, "participant": name} for name in participants]},
        )

    async with house.client(member) as client:
        await client.next("hello")
        await house.hub.on_node_event(speakers("p2", "p1", "p2"))
        assert (await client.next("speakers"))["speaking"] == ["p2", "p1"]
        async with house.client(late) as witness:
            assert (await witness.next("speakers"))["speaking"] == ["p2", "p1"]
            await house.hub.on_node_event(speakers())
            assert (await witness.next("speakers"))["speaking"] == []


async def test_watched_layers_are_told_to_their_publisher_alone_and_again_when_they_come_back(house):
    lecturer, member = await house.stage.add_person(), await house.stage.add_person()

    def node(kind, session_id="s1", epoch="epoch-1", **data):
        return NodeEvent(
            node_epoch=epoch,
            seq=1,
            type=kind,
            room="r",
            gathering_id=house.stage.gathering_id,
            participant=str(lecturer),
            session_id=session_id,
            at=house.stage.clock.now(),
            data=data,
        )

    wanted = {"source": "camera", "publication_id": 7, "wanted": ["l", "m"]}
    # Nobody is connected: the lecturer's page is on its way back.
    await house.hub.on_node_event(node("layers_wanted", **wanted))
    async with house.client(member) as witness, house.client(lecturer) as client:
        told = {"session_id": "s1", "source": "camera", "publication": 7, "wanted": ["l", "m"]}
        assert told.items() <= (await client.next("layers")).items()
        await house.hub.on_node_event(node("layers_wanted", **wanted | {"wanted": ["l", "m", "h"]}))
        assert (await client.next("layers"))["wanted"] == ["l", "m", "h"]
        await house.hub.on_node_event(node("publisher_gone", cause="deleted"))
        await house.hub.on_node_event(node("layers_wanted", "s2", **wanted | {"wanted": ["l"]}))
        assert (await client.next("layers"))["session_id"] == "s2"
        await house.hub.on_node_event(node("speakers", speaking=[{"participant": "p"}]))
        await witness.next("speakers")
        assert not [frame for frame in witness.frames if '"layers"' in frame]
        await house.hub.on_node_event(node("publisher_connected", "s9", "epoch-2"))
    async with house.client(lecturer) as client:
        await client.next("hello")
        await house.hub.on_node_event(node("layers_wanted", "s3", "epoch-2", **wanted))
        assert (await client.next("layers"))["session_id"] == "s3"
        sessions = [frame for frame in client.frames if '"layers"' in frame]
        assert len(sessions) == 1
