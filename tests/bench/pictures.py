"""The two pictures and the table of docs/performance.md, from build/bench/relay.json.

`python -m tests.bench.pictures` writes them into docs/; a run of `make bench` only into build/bench/.
"""

import json
import re
import statistics
import sys
from pathlib import Path
from typing import Any

from tests.bench.line_chart import Line, line_chart

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "build" / "bench" / "relay.json"
PAGE = ROOT / "docs" / "performance.md"
GENERATED = re.compile(r"(<!-- figures: [^\n]*-->\n).*?(<!-- end of figures -->)", re.DOTALL)
RED, BLUE = "#b3261e", "#1a5fb4"

Figures = dict[str, Any]


def place_of(report: Figures) -> str:
    """Machine, commit and day in a line."""
    machine = report["machine"]
    kernel, day = machine["kernel"].split("-")[0], report["at"][:10]
    return f"{machine['cores']} × {machine['cpu']}, kernel {kernel}, commit {report['commit']}, {day}"


def pictures(report: Figures) -> dict[str, str]:
    """SVG by file name."""
    full = report["full_house"] | {"viewers": report["audience"]}
    rungs = sorted([*report["ladder"], full], key=lambda rung: rung["viewers"])

    def cost(name: str) -> list[tuple[float, float]]:
        return [(rung["viewers"], rung[name]["us_per_packet"]) for rung in rungs]

    def loop(kind: int) -> list[tuple[float, float]]:
        return [
            (rung["viewers"], statistics.fmean(pair[kind]["us_per_packet"] for pair in rung["loops"]))
            for rung in rungs
        ]

    costs = [
        Line("packets singly", RED, cost("single")),
        Line("the loop: one sendto each", RED, loop(0), is_dashed=True),
        Line("bursts of nine", BLUE, cost("burst")),
        Line("GSO loop: nine a call", BLUE, loop(1), is_dashed=True),
    ]
    windows = [(rung["viewers"], figures) for rung in rungs for figures in rung.get("delays", ())]
    viewers = windows[0][0] if windows else 0

    def delay(field: str) -> list[tuple[float, float]]:
        points = [
            (figures["server_cpu_percent"], figures["engine_delay"][field] / 1000)
            for _, figures in windows
            if figures["engine_delay"][field] is not None
        ]
        return sorted(points)

    title = f"Delay the engine adds: one core, {viewers} viewers, bursts of nine"
    return {
        "relay-cost.svg": line_chart(
            "Server CPU a forwarded packet", place_of(report), "viewers", "µs", costs
        ),
        "relay-delay.svg": line_chart(
            title,
            place_of(report),
            "core busy, %",
            "ms",
            [Line("p99", RED, delay("p99_us")), Line("p50", BLUE, delay("p50_us"))],
        ),
    }


def table(report: Figures) -> str:
    """The bars as a Markdown table, and the pictures."""
    rows = [
        "| bar | limit | measured | |",
        "|---|---|---|---|",
    ]
    for row in report["bars"]:
        sign = "≥" if row["is_floor"] else "≤"
        value = row.get("reason") or f"{row['value']:.2f} {row['unit']}"
        rows.append(f"| {row['bar']} | {sign} {row['limit']:g} {row['unit']} | {value} | {row['result']} |")
    loops = f"The loop {report['loop_us']:.2f} µs, the GSO loop {report['gso_loop_us']:.2f} µs a packet"
    return "\n".join(
        [
            f"{place_of(report)}. {loops}; {report['audience']} viewers.",
            "",
            *rows,
            "",
            "![CPU a packet by viewers](pictures/relay-cost.svg)",
            "![Added delay by load](pictures/relay-delay.svg)",
        ]
    )


def write_pictures(report: Figures, folder: Path) -> None:
    """Put the pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pictures(report).items():
        (folder / name).write_text(text, encoding="utf-8")


def main() -> int:
    report = json.loads(REPORT.read_text(encoding="utf-8"))
    write_pictures(report, PAGE.parent / "pictures")
    page = PAGE.read_text(encoding="utf-8")
    page = GENERATED.sub(lambda found: f"{found[1]}{table(report)}\n{found[2]}", page)
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
