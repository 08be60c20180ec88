"""The WebSocket endpoint: admission, one reader, one writer, clean ends with the protocol's close codes."""

import asyncio
import contextlib
import uuid
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect
from starlette.websockets import WebSocketState

from lecture_api.core.errors import NotAuthorisedError, NotFoundError, NotSignedInError
from lecture_api.core.runtime import Runtime, runtime_of
from lecture_api.core.same_origin import is_same_origin
from lecture_api.gatherings.access import gathering_for
from lecture_api.room_channel.connection import ChannelConnection, frame_of
from lecture_api.room_channel.errors import CloseCode, RefusedError
from lecture_api.room_channel.hub import RoomHub
from lecture_api.room_channel.messages import (
    AskRoster,
    Chat,
    Hide,
    MalformedMessageError,
    Message,
    Mute,
    Pong,
    parse,
)
from lecture_api.room_channel.room import Room

#: Codes with which a client says that it leaves; anything else is a broken line.
GOODBYES = frozenset({1000, 1001, 1005})
GOODBYE_WAIT_S = 1.0
# What a closed connection without a close frame is called (RFC 6455 §7.1.5).
_ABNORMAL_CLOSURE = 1006

router = APIRouter()
_log = structlog.get_logger(__name__)


@router.websocket("/api/gatherings/{gathering_id}/channel")
async def channel(
    websocket: WebSocket, gathering_id: uuid.UUID, after: Annotated[int | None, Query()] = None
) -> None:
    """The room channel of docs/protocol/room_channel.md."""
    runtime = runtime_of(websocket)
    # A browser learns a close code only of an accepted WebSocket.
    await websocket.accept()
    connection = await _admit(websocket, runtime, gathering_id)
    if isinstance(connection, int):
        await websocket.close(connection)
        return
    hub: RoomHub = websocket.app.state.room_hub
    async with hub.room(gathering_id) as room:
        await _serve(room, connection, runtime, after)


async def _admit(websocket: WebSocket, runtime: Runtime, gathering_id: uuid.UUID) -> ChannelConnection | int:
    """Return the connection of an admitted person, or the close code of a refused one."""
    if not is_same_origin(websocket, runtime.settings.public_url):
        return CloseCode.NOT_ALLOWED
    try:
        actor = await runtime.identify(websocket)
        async with runtime.database.read() as db:
            admission = await gathering_for(db, actor, runtime.clock, gathering_id)
    except NotSignedInError:
        return CloseCode.SIGNED_OUT
    except NotAuthorisedError:
        return CloseCode.NOT_ALLOWED
    except NotFoundError:
        return CloseCode.NOT_FOUND
    return ChannelConnection(websocket, actor, admission, runtime.clock.monotonic())


async def _serve(room: Room, connection: ChannelConnection, runtime: Runtime, after: int | None) -> None:
    writer = connection.writer = asyncio.create_task(connection.write(), name="channel-writer")
    said_goodbye = False
    try:
        await room.join(connection, after)
        reader = asyncio.create_task(_read(room, connection, runtime), name="channel-reader")
        # Whoever ends first ends the channel: the client by leaving, the server through the writer.
        await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_COMPLETED)
        if connection.close_code is None:
            # The writer may have noticed first that the client closed; the reader knows how.
            await asyncio.wait({reader}, timeout=GOODBYE_WAIT_S)
        if reader.done():
            said_goodbye = reader.result() in GOODBYES
        else:
            await _cancelled(reader)
    finally:
        await room.leave(connection, said_goodbye=said_goodbye)
        await _cancelled(writer)
        if _is_open(connection.websocket):
            with contextlib.suppress(RuntimeError, TimeoutError):
                await asyncio.wait_for(connection.websocket.close(connection.close_code or 1000), 1)


async def _cancelled(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait for its end, however it ends: a broken line is no news here."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError, OSError):
        await task


def _is_open(websocket: WebSocket) -> bool:
    """Whether neither side has closed."""
    return (websocket.client_state, websocket.application_state) == (
        WebSocketState.CONNECTED,
        WebSocketState.CONNECTED,
    )


async def _read(room: Room, connection: ChannelConnection, runtime: Runtime) -> int:
    """Answer messages until the client is gone; returns the close code."""
    while True:
        try:
            frame = await connection.websocket.receive_text()
        except WebSocketDisconnect as gone:
            return gone.code
        except RuntimeError:
            # Our own side has closed meanwhile: there is nobody left to read from.
            return _ABNORMAL_CLOSURE
        except KeyError:
            # A binary frame: not of this protocol, ignored like an unknown type.
            continue
        connection.heard_s = runtime.clock.monotonic()
        try:
            message = parse(frame)
        except MalformedMessageError as error:
            _refuse(connection, error.code, error.client_id)
            continue
        if message is not None:
            await _handle(room, connection, message)


async def _handle(room: Room, connection: ChannelConnection, message: Message) -> None:
    client_id = str(message.client_id) if isinstance(message, Chat) else None
    try:
        match message:
            case Pong():
                room.beat(connection)
            case Chat():
                seq = await room.chat.say(connection.actor, message)
                connection.post(frame_of("ack", client_id=client_id, seq=seq))
            case Hide():
                _need(connection.is_host)
                await room.chat.hide(connection.actor, message.message_id)
            case Mute():
                _need(connection.is_host)
                await room.chat.mute(connection.actor, message.participant_id, muted=message.muted)
            case AskRoster():
                _need(connection.admission.permissions.hold_roll)
                room.ask_roster(connection, on=message.on)
    except RefusedError as error:
        _refuse(connection, error.code, client_id)
    except Exception:
        # Without an acknowledgement the client sends again: nothing a person typed is lost.
        _log.exception("channel_message_failed", kind=type(message).__name__)


def _need(allowed: bool) -> None:
    if not allowed:
        raise RefusedError


def _refuse(connection: ChannelConnection, code: str, client_id: str | None) -> None:
    named = {} if client_id is None else {"client_id": client_id}
    connection.post(frame_of("error", code=code, **named))
