"""The buffer plan as a page: totals, a picture of the arena over time, and who is alive at the peak.

One self-contained HTML file without scripts; the names of values show when the pointer rests on their buffer.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from oxide.passes.assign_buffers.liveness import Buffer
from oxide.passes.assign_buffers.plan import Plan
from oxide.passes.assign_buffers.report import alive_at_peak, described, totals

_WIDTH, _HEIGHT = 1200, 600
_STYLE = """
body { font: 14px/1.5 sans-serif; margin: 2em; color: #222; background: #fff; }
table { border-collapse: collapse; margin: 1em 0; }
td, th { padding: 0.1em 0.8em; text-align: right; }
td:last-child, th:last-child { text-align: left; }
svg { width: 100%; height: auto; background: #f4f4f4; }
rect { stroke: #fff; stroke-width: 0.5; }
rect:hover { stroke: #000; stroke-width: 1.5; }
line { stroke: #c00; stroke-dasharray: 6 4; }
"""


def page(plan: Plan) -> str:
    """HTML of a plan.  Time goes to the right, addresses go up."""
    sums = "".join(f"<tr><td>{name}</td><td>{size:,} bytes</td></tr>" for name, size in totals(plan))
    alive = alive_at_peak(plan)
    rows = "".join(_row(plan, offset, buffer) for offset, buffer in alive)
    heading = f"Alive at the peak, time {plan.peak_time}: {len(alive)} of {len(plan.buffers)} buffers"
    columns = "".join(f"<th>{name}</th>" for name in ("offset", "size", "from", "to", "values"))
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Buffer plan</title>',
            f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>Buffer plan</h1>",
            f"<table>{sums}</table>",
            "<p>Time goes to the right, addresses up.  Lines: lower bound, end of the arena, time of the peak.</p>",
            *_picture(plan),
            f"<h2>{heading}</h2>\n<table><tr>{columns}</tr>{rows}</table>\n</body>\n</html>\n",
        ]
    )


def _row(plan: Plan, offset: int, buffer: Buffer) -> str:
    numbers = (f"{offset:,}", f"{buffer.size:,}", str(buffer.start), str(buffer.end))
    cells = "".join(f"<td>{number}</td>" for number in numbers)
    return f"<tr>{cells}<td>{escape(described(plan, buffer))}</td></tr>"


def _picture(plan: Plan) -> Iterator[str]:
    across = _WIDTH / max(len(plan.loads), 1)
    upward = _HEIGHT / max(plan.extent, 1)
    yield f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" xmlns="http://www.w3.org/2000/svg" role="img">'
    for number, (offset, buffer) in enumerate(zip(plan.offsets, plan.buffers, strict=True)):
        top = _HEIGHT - (offset + buffer.size) * upward
        # Neighbours get colours far apart: steps of the golden angle.
        colour = f"hsl({number * 137.5 % 360:.0f} 55% 65%)"
        where = f"{buffer.size:,} bytes at {offset:,}, time {buffer.start} to {buffer.end}"
        yield (
            f'<rect x="{buffer.start * across:.2f}" y="{top:.2f}"'
            f' width="{(buffer.end - buffer.start + 1) * across:.2f}" height="{buffer.size * upward:.2f}"'
            f' fill="{colour}"><title>{escape(f"{where}: {described(plan, buffer)}")}</title></rect>'
        )
    peak = (plan.peak_time + 0.5) * across
    for size in sorted({plan.lower_bound, plan.arena} - {plan.extent}):
        level = _HEIGHT - size * upward
        yield f'<line x1="0" y1="{level:.2f}" x2="{_WIDTH}" y2="{level:.2f}"/>'
    yield f'<line x1="{peak:.2f}" y1="0" x2="{peak:.2f}" y2="{_HEIGHT}"/>'
    yield "</svg>"
