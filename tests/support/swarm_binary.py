"""The load generator as a debug build, for tests that need many viewers at once."""

import json
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def swarm_binary() -> Path:
    """Builds relay_swarm if it is not built yet and returns where it lies.

    Raises: RuntimeError with cargo's words.
    """
    command = ["cargo", "build", "--locked", "--package", "relay_swarm", "--message-format", "json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"relay_swarm does not build: {done.stderr}")
    messages = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    built = [message.get("executable") for message in messages if message.get("executable")]
    return Path(built[-1])
