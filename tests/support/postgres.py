"""A throw-away PostgreSQL on a free loopback port: no fsync, trust, gone with the tests."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.support.server import free_port

_AS_POSTGRES = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if not found:
        raise RuntimeError("PostgreSQL is not installed: apt-get install postgresql")
    return found[-1].parent


class PostgresCluster:
    """A running cluster."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._made = 0

    def create_database(self) -> str:
        """Make an empty database; returns its SQLAlchemy URL."""
        self._made += 1
        name = f"zhijian_{self._made}"
        with psycopg.connect(
            host="127.0.0.1", port=self._port, user="postgres", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
        return f"postgresql+psycopg://postgres@127.0.0.1:{self._port}/{name}"


@contextmanager
def running_postgres() -> Iterator[PostgresCluster]:
    """A cluster for the time of the block."""
    binaries, port = _binaries(), free_port()
    # Not below pytest's own folder: the postgres user could not reach it.
    folder = Path(tempfile.mkdtemp(prefix="zhijian-pg.", dir="/tmp"))
    if _AS_POSTGRES:
        shutil.chown(folder, "postgres")

    def run(*command: str) -> None:
        subprocess.run(
            [*_AS_POSTGRES, *command],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
        )

    data = str(folder / "data")
    control = [str(binaries / "pg_ctl"), "-D", data, "-w", "-s"]
    try:
        initdb = str(binaries / "initdb")
        run(
            initdb,
            "-D",
            data,
            "--auth=trust",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "-U",
            "postgres",
        )
        options = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off"
        run(*control, "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield PostgresCluster(port)
        finally:
            run(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
