"""The `zhijian` command. Each subcommand says in --help what it does; the work is elsewhere."""

import asyncio
import re
import uuid
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console

from lecture_api.composition import demo, doctor
from lecture_api.composition.administration import AddedUser, NewUser, add_user
from lecture_api.composition.backup import migrate
from lecture_api.composition.record_command import record
from lecture_api.composition.serve import CannotServeError
from lecture_api.composition.serve import serve as serve_everything
from lecture_api.core.clock import SystemClock
from lecture_api.core.errors import LectureApiError
from lecture_api.core.room_tokens import RoomTokenMinter
from lecture_api.settings import Settings

app = typer.Typer(
    help="指尖 Zhijian: live lectures, cloud dialogues and honest learning records.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
user = typer.Typer(help="People and their accounts.", no_args_is_help=True)
app.add_typer(user, name="user")
app.add_typer(record, name="record")

_console = Console()
_errors = Console(stderr=True)
_DURATION = re.compile(r"^(\d+)([smhd])$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_ROOM = re.compile(r"^[A-Za-z0-9_-]{1,64}$")


def _fail(message: str) -> typer.Exit:
    _errors.print(message, style="red", highlight=False, soft_wrap=True)
    return typer.Exit(1)


@app.command()
def serve(
    with_demo: Annotated[
        bool,
        typer.Option("--demo", help="Load the fictional demo data and its accounts into an empty database."),
    ] = False,
) -> None:
    """Serve everything in one process: pages, API, media node, recorder. Creates no account without
    --demo."""
    try:
        serve_everything(Settings(), with_demo=with_demo, console=_console)
    except CannotServeError as error:
        raise _fail(str(error)) from error


@app.command()
def media() -> None:
    """Serve only a media node (WHIP, WHEP, control) on ZHIJIAN_MEDIA_HTTP_HOST and _PORT."""
    from streaming.__main__ import run  # noqa: PLC0415 - the engine is loaded only where it is needed.

    try:
        run()
    except OSError as error:
        raise _fail(f"the media node cannot start: {error}") from error


@app.command()
def recorder(
    host: Annotated[str, typer.Option(help="Address of the control and replay interface.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Its TCP port.")] = 8003,
) -> None:
    """Serve only the recordings service: recorder processes under a supervisor, and replay."""
    import uvicorn  # noqa: PLC0415

    from recordings.app import create_app  # noqa: PLC0415
    from recordings.settings import RecordingsSettings  # noqa: PLC0415

    uvicorn.run(create_app(RecordingsSettings()), host=host, port=port, server_header=False, access_log=False)


@app.command()
def api() -> None:
    """Serve only the API and the pages; ZHIJIAN_MEDIA_URL and ZHIJIAN_RECORDINGS_URL say where the others
    are."""
    from lecture_api.composition.serve_api import serve_api  # noqa: PLC0415

    try:
        serve_api(Settings(), _console)
    except CannotServeError as error:
        raise _fail(str(error)) from error


@app.command()
def demo_data() -> None:
    """Load the fictional demo data into an empty database and print its accounts."""
    settings = Settings()
    _console.print(_migrate(settings))
    for line in demo.load_if_empty(settings):
        _console.print(line)
    demo.print_accounts(settings, _console)


@user.command()
def add(
    person_no: Annotated[str, typer.Argument(help="Person number, with which they sign in.")],
    name: Annotated[str, typer.Argument(help="Display name.")],
    role: Annotated[
        str | None,
        typer.Option(help="A role, such as system_admin, college_admin, secretary, lecturer, guest."),
    ] = None,
    organisation: Annotated[
        str | None, typer.Option(help="Code of the organisation in which the role holds.")
    ] = None,
    college: Annotated[
        str | None,
        typer.Option(help="In an empty database: make a college committee of this name (code O00)."),
    ] = None,
) -> None:
    """Add a person with an account and print a one-time password."""
    settings = Settings()
    _console.print(_migrate(settings))
    try:
        added: AddedUser = asyncio.run(
            add_user(
                settings,
                NewUser(
                    person_no=person_no, name=name, role=role, organisation=organisation, college=college
                ),
            )
        )
    except (LectureApiError, ValueError) as error:
        raise _fail(str(error)) from error
    _console.print(f"{added.person_no}  one-time password: {added.password}", highlight=False)


@app.command()
def token(
    room: Annotated[str, typer.Option(help="Room id: letters, digits, - and _.")],
    publish: Annotated[bool, typer.Option("--publish", help="May publish by WHIP.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="May watch by WHEP.")] = False,
    ttl: Annotated[str, typer.Option(help="How long it is valid: 30s, 15m, 1h, 7d.")] = "1h",
    name: Annotated[str | None, typer.Option(help="Participant id; default: a random one.")] = None,
) -> None:
    """Print a bearer token for a foreign tool. Such a room relays; it is neither recorded nor counted."""
    if not _ROOM.match(room):
        raise _fail("a room id has 1 to 64 letters, digits, - and _")
    if _is_uuid(room):
        raise _fail("that is the room of a gathering: people enter those through their page")
    if not (publish or watch):
        raise _fail("say --publish, --watch or both")
    matched = _DURATION.match(ttl)
    if matched is None:
        raise _fail(f"not a duration: {ttl} (such as 30s, 15m, 1h, 7d)")
    grants = [grant for grant, wanted in (("publish", publish), ("watch", watch)) if wanted]
    minter = RoomTokenMinter(Settings().keys_dir, SystemClock())
    participant = name or f"tool-{uuid.uuid4().hex[:12]}"
    duration = timedelta(**{_UNITS[matched[2]]: int(matched[1])})
    typer.echo(minter.mint(room=room, participant=participant, grants=grants, ttl=duration))


@app.command(name="doctor")
def examine(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")] = False,
) -> None:
    """Say what blocks media: ports, addresses, buffers, STUN and TURN, certificate, clock, disk, codecs, and
    a running server if there is one. Exit status 1 when there is a problem; changes nothing."""
    if not asyncio.run(doctor.examine(Settings(), _console, as_json=as_json)):
        raise typer.Exit(1)


def _migrate(settings: Settings) -> str:
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return migrate(settings.database, settings.data_dir / "backup", SystemClock().now())


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
