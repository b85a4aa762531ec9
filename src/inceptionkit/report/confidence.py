"""How sure the answers are against how often they are right, as SVG."""

from collections.abc import Sequence

from inceptionkit import svg
from inceptionkit.evaluation.calibration import Bin
from inceptionkit.evaluation.confidence import wilson
from inceptionkit.report.charts import Figure
from inceptionkit.svg import escape, number
from inceptionkit.text import percent, plural, whole_percent

HEIGHT = 330  # units
SMALLEST, LARGEST = 3.0, 13.0  # radius of a dot, units


def reliability_diagram(rows: Sequence[Bin]) -> Figure | None:
    """A dot for each group of equally sure answers; on the diagonal they keep what they promise.

    The area of a dot grows with its images, and bars are 95 % intervals.
    """
    if not rows:
        return None
    low = 0.0 if min(min(r.confidence, r.top1) for r in rows) < 0.5 else 0.5
    frame = svg.axes((low, 1.0), (low, 1.0), height=HEIGHT, left=58)
    ticks = [0.0, 0.25, 0.5, 0.75, 1.0] if low == 0 else [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    most = max(row.images for row in rows)
    diagonal = (
        f"M{number(frame.left)} {number(frame.bottom)}L{number(frame.right)} {number(frame.top)}"
    )
    body = (
        svg.y_axis(frame, ticks, whole_percent)
        + svg.x_axis(frame, ticks, "how sure (mean probability)", whole_percent)
        + f'<path class="link" d="{diagonal}"/>'
        + "".join(_dot(frame, row, most, low) for row in rows)
    )
    said = "; ".join(
        f"{plural(row.images, 'image')} {percent(row.confidence)} sure, {percent(row.top1)} right"
        for row in rows
    )
    drawing = svg.figure(
        "reliability",
        title="How often answers are right, by how sure they are",
        description=f"{said}.",
        body=body,
        size=(svg.WIDTH, HEIGHT),
    )
    return Figure(title="Share right, by how sure", drawing=drawing)


def _dot(frame: svg.Axes, row: Bin, most: int, low: float) -> str:
    ends = (frame.y(max(low, end)) for end in wilson(row.top1, row.images))
    bottom, top = map(number, ends)
    x, y = number(frame.x(max(low, row.confidence))), number(frame.y(max(low, row.top1)))
    radius = max(SMALLEST, LARGEST * (row.images / most) ** 0.5)
    hint = (
        f"{plural(row.images, 'image')}: {percent(row.confidence)} sure, {percent(row.top1)} right"
    )
    return (
        f'<g class="ink0"><title>{escape(hint)}</title>'
        f'<path class="whisker" d="M{x} {bottom}V{top}"/>'
        f'<circle class="dot" cx="{x}" cy="{y}" r="{number(radius)}"/></g>'
    )
