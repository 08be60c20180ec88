"""Writes docs/settings.md from the settings classes: `python -m lecture_api.composition.settings_page`."""

from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings

from lecture_api.settings import Settings
from recordings.settings import RecordingsSettings
from streaming.settings import StreamingSettings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
_SECTIONS: tuple[tuple[str, type[BaseSettings]], ...] = (
    ("Server and API", Settings),
    ("Media node", StreamingSettings),
    ("Recordings", RecordingsSettings),
)
_HEAD = """# Settings

All settings are environment variables; none is needed for `make run`. Several instances run side by side
when each has its own `ZHIJIAN_HTTP_PORT`, `ZHIJIAN_MEDIA_PORT` and `ZHIJIAN_DATA_DIR`. This page is
written by `python -m lecture_api.composition.settings_page`; a test fails when it is out of date.
"""


def settings_page() -> str:
    """The page as Markdown: every setting of every package once, with default and meaning."""
    seen: set[str] = set()
    parts = [_HEAD]
    for heading, settings in _SECTIONS:
        rows = [f"## {heading}", "", "| variable | default | meaning |", "|---|---|---|"]
        for name, field in settings.model_fields.items():
            variable = f"ZHIJIAN_{name.upper()}"
            if variable in seen:
                continue
            seen.add(variable)
            if not field.description:
                raise ValueError(f"setting without a description: {variable}")
            default = _shown(field.get_default(call_default_factory=True))
            rows.append(f"| `{variable}` | {default} | {field.description} |")
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def _shown(default: Any) -> str:
    return "" if default is None or default in ((), []) else f"`{default}`"


if __name__ == "__main__":
    PAGE.write_text(settings_page(), encoding="utf-8")
