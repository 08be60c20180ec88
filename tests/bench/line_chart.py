"""Draws lines over two linear axes as SVG: all docs/performance.md needs, so no plotting library is here."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 196, 72, 52
LABEL_HEIGHT = 15.0
STYLE = (
    "text{font:12px system-ui,'Noto Sans CJK SC',sans-serif;fill:#3d3d3d}"
    ".title{font-size:15px;font-weight:600}.grid{stroke:#e4e4e4}"
    ".axis{stroke:#8a8a8a}.line{fill:none;stroke-width:2}.dashed{stroke-dasharray:6 4}"
)


@dataclass(frozen=True)
class Line:
    """Points in order of x; `color` is any CSS colour."""

    name: str
    color: str
    points: Sequence[tuple[float, float]]
    is_dashed: bool = False


def line_chart(title: str, subtitle: str, x_name: str, y_name: str, lines: Sequence[Line]) -> str:
    """Return an SVG document. Both axes begin at zero; lines are labelled at their right end."""
    x_ticks = ticks(max((x for line in lines for x, _ in line.points), default=1.0))
    y_ticks = ticks(max((y for line in lines for _, y in line.points), default=1.0))

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + x / x_ticks[-1] * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - y / y_ticks[-1] * (HEIGHT - TOP - BOTTOM),
        )

    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text class="title" x="16" y="26">{escape(title)}</text>',
        f'<text x="16" y="46">{escape(subtitle)}</text>',
    ]
    for tick in y_ticks:
        _, y = place(0, tick)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{right}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for tick in x_ticks:
        x, _ = place(tick, 0)
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{tick:g}</text>')
    parts.append(f'<path class="axis" d="M{LEFT} {bottom}H{right}"/>')
    middle = (LEFT + right) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 14}" text-anchor="middle">{escape(x_name)}</text>')
    parts.append(f'<text x="{LEFT - 8}" y="{TOP - 12}" text-anchor="end">{escape(y_name)}</text>')
    placed = [(line, [place(x, y) for x, y in line.points]) for line in lines if line.points]
    for line, points in placed:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dashed = " dashed" if line.is_dashed else ""
        parts.append(f'<polyline class="line{dashed}" stroke="{line.color}" points="{path}"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{line.color}"/>' for x, y in points]
    heights = apart([points[-1][1] for _, points in placed])
    for (line, points), y in zip(placed, heights, strict=True):
        label = escape(f"{line.name} {line.points[-1][1]:.2f}")
        parts.append(
            f'<text x="{points[-1][0] + 8:.1f}" y="{y + 4:.1f}" style="fill:{line.color}">{label}</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def ticks(largest: float) -> list[float]:
    """Four to nine round numbers from zero to beyond `largest`."""
    raw = max(largest, 1e-9) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw)
    return [round(index * step, 10) for index in range(math.ceil(largest / step - 1e-9) + 1)]


def apart(heights: Sequence[float]) -> list[float]:
    """Move labels down until none covers another, keeping their order."""
    moved = dict(_moved(sorted(range(len(heights)), key=lambda place: heights[place]), heights))
    return [moved[place] for place in range(len(heights))]


def _moved(order: Sequence[int], heights: Sequence[float]) -> Iterator[tuple[int, float]]:
    lowest = -math.inf
    for place in order:
        lowest = max(heights[place], lowest + LABEL_HEIGHT)
        yield place, lowest
