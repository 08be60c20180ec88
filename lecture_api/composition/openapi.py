"""Writes the OpenAPI document: `python -m lecture_api.composition.openapi > build/openapi.json`."""

import json
import tempfile
from pathlib import Path
from typing import Any

import httpx

from lecture_api.composition.app import create_api
from lecture_api.composition.building import build_runtime
from lecture_api.core.security import PasswordKeeper
from lecture_api.settings import Settings


def document() -> dict[str, Any]:
    """The OpenAPI document of the API; needs no database and leaves nothing behind."""
    with tempfile.TemporaryDirectory() as folder:
        runtime = build_runtime(
            Settings(data_dir=Path(folder)),
            media_http=httpx.AsyncClient(),
            recordings_http=httpx.AsyncClient(),
            passwords=PasswordKeeper(time_cost=1, memory_kib=64),
        )
        return create_api(runtime).openapi()


if __name__ == "__main__":
    print(json.dumps(document(), indent=2, ensure_ascii=False, sort_keys=True))
