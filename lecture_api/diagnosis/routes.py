"""`/api/diagnosis`: a trial of the media path, and an echo that shows whether WebSockets get through. Nobody
need be signed in."""

import asyncio
import contextlib

from fastapi import APIRouter, Request, WebSocket, WebSocketDisconnect

from lecture_api.core.problem_details import PROBLEM_RESPONSES
from lecture_api.core.runtime import CurrentRuntime, runtime_of
from lecture_api.core.same_origin import is_same_origin
from lecture_api.diagnosis import service
from lecture_api.diagnosis.schemas import Trial

#: An echo is over after so many answers or seconds, whatever comes first.
ECHOES_MAX, ECHO_SECONDS, ECHO_LENGTH_MAX = 40, 20.0, 64
ECHO_CONNECTIONS_MAX = 200
_NOT_ALLOWED, _TRY_AGAIN_LATER = 4403, 1013

router = APIRouter(prefix="/api/diagnosis", tags=["diagnosis"], responses=PROBLEM_RESPONSES)


@router.post("/trial")
async def begin_trial(request: Request, runtime: CurrentRuntime) -> Trial:
    """A throw-away room on the media node, neither recorded nor counted."""
    address = request.client.host if request.client else "unknown"
    return service.begin(runtime, request.app.state.trial_door, address)


@router.websocket("/echo")
async def echo(websocket: WebSocket) -> None:
    """Send back what comes, a few times: shows that WebSockets get through and how long a round takes."""
    await websocket.accept()
    app = websocket.app.state
    if not is_same_origin(websocket, runtime_of(websocket).settings.public_url):
        await websocket.close(_NOT_ALLOWED)
        return
    if app.echo_connections >= ECHO_CONNECTIONS_MAX:
        await websocket.close(_TRY_AGAIN_LATER)
        return
    app.echo_connections += 1
    try:
        async with asyncio.timeout(ECHO_SECONDS):
            for _ in range(ECHOES_MAX):
                text = await websocket.receive_text()
                await websocket.send_text(text[:ECHO_LENGTH_MAX])
    except (WebSocketDisconnect, RuntimeError, TimeoutError, KeyError):
        # Gone, silent, or a binary frame: either way there is nothing more to show.
        pass
    finally:
        app.echo_connections -= 1
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await websocket.close()
