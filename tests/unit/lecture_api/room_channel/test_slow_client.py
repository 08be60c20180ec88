"""A client that does not read delays nobody and cannot hold its channel open."""

import asyncio
import uuid
from types import SimpleNamespace

import pytest

from lecture_api.room_channel import connection as module
from lecture_api.room_channel.connection import OUTBOX_FRAMES, ChannelConnection
from lecture_api.room_channel.errors import CloseCode


class StuckSocket:
    """A WebSocket whose peer takes nothing."""

    def __init__(self):
        self.began = asyncio.Event()

    async def send_text(self, _frame):
        self.began.set()
        await asyncio.Event().wait()


@pytest.fixture
def connection():
    admission = SimpleNamespace(
        gathering=SimpleNamespace(id=uuid.uuid4()), permissions=SimpleNamespace(host=False)
    )
    actor = SimpleNamespace(subject_id=uuid.uuid4())
    return ChannelConnection(StuckSocket(), actor, admission, 0.0)


async def test_a_full_outbox_ends_the_channel_and_takes_nothing_more(connection):
    for n in range(OUTBOX_FRAMES + 50):
        connection.post(str(n))
    assert connection.close_code == CloseCode.DEAD


async def test_a_writer_that_is_stuck_is_given_up_after_the_flush_time(connection, monkeypatch):
    monkeypatch.setattr(module, "FLUSH_S", 0.01)
    connection.writer = asyncio.create_task(connection.write())
    connection.post("x")
    await connection.websocket.began.wait()
    connection.end(CloseCode.DEAD)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(connection.writer, 10)
