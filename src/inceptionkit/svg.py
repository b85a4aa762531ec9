"""The small part of SVG that figures and diagrams need: numbers, text, scales, axes, a frame.

Colors are CSS classes, so that the page decides them for light, dark and print. A figure is drawn
480 units wide: about its size on a laptop, and readable at the width of a phone.
"""

import html
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from inceptionkit.text import printable

WIDTH = 480
INKS = 6  # line colors of the page: .ink0 (main) to .ink5


def escape(content: str) -> str:
    """Content as XML text or attribute value."""
    return html.escape(printable(content, lines=True))


def number(value: float) -> str:
    """A coordinate to a tenth of a unit, in the fewest characters."""
    return f"{value:.1f}".removesuffix(".0")


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight map from values to units of the drawing."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Where `value` lies in the drawing."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """The rectangle a chart is drawn in, with its two scales."""

    x: Scale
    y: Scale

    @property
    def left(self) -> float:
        """Where the horizontal axis starts."""
        return self.x.start

    @property
    def right(self) -> float:
        """Where the horizontal axis ends."""
        return self.x.end

    @property
    def bottom(self) -> float:
        """Where the vertical axis starts; y grows downwards."""
        return self.y.start

    @property
    def top(self) -> float:
        """Where the vertical axis ends."""
        return self.y.end


def round_steps(low: float, high: float, *, about: int = 5, whole: bool = False) -> list[float]:
    """Round numbers that divide the range from `low` to `high`, ends included where they are round.

    >>> round_steps(0, 47)
    [0.0, 10.0, 20.0, 30.0, 40.0]
    """
    span = (high - low) or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / about))
    step = next(power * k for k in (1, 2, 2.5, 5, 10) if span / (power * k) <= about)
    if whole:
        step = max(1.0, float(round(step)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def round_range(low: float, high: float, *, most: float | None) -> tuple[list[float], float, float]:
    """Ticks, and a range that ends on them; zero is kept where it is not far."""
    if low <= high / 2 or low == high:
        low = min(0.0, low)
    high = high if high > low else low + 1.0
    steps = round_steps(low, high)
    gap = steps[1] - steps[0] if len(steps) > 1 else (high - low)
    bottom = steps[0] if steps[0] <= low + 1e-9 else steps[0] - gap
    top = steps[-1] if steps[-1] >= high - 1e-9 else steps[-1] + gap
    if most is not None:
        bottom, top = max(bottom, 0.0), min(top, most)
    ticks = [round(bottom + k * gap, 12) for k in range(round((top - bottom) / gap) + 1)]
    return [tick for tick in ticks if tick <= top + 1e-9], bottom, top


def axes(
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    *,
    height: float = 264,
    left: float = 54,
    right: float = 16,
) -> Axes:
    """Axes with room for the labels of their ticks."""
    return Axes(
        x=Scale(*x_range, left, WIDTH - right),
        y=Scale(*y_range, height - 46, 14),
    )


def x_axis(frame: Axes, ticks: Iterable[float], label: str, say: Callable[[float], str]) -> str:
    """The horizontal axis: its line, its numbers and what they count."""
    marks = "".join(
        f'<text class="tick mid" x="{number(frame.x(tick))}" y="{number(frame.bottom + 18)}">'
        f"{escape(say(tick))}</text>"
        for tick in ticks
    )
    line = f"M{number(frame.left)} {number(frame.bottom)}H{number(frame.right)}"
    middle = (frame.left + frame.right) / 2
    return (
        f'<path class="axis" d="{line}"/>{marks}'
        f'<text class="label mid" x="{number(middle)}" y="{number(frame.bottom + 39)}">'
        f"{escape(label)}</text>"
    )


def y_axis(frame: Axes, ticks: Iterable[float], say: Callable[[float], str]) -> str:
    """Thin lines across the chart, with their numbers at the left."""
    rows = [(number(frame.y(tick)), number(frame.y(tick) + 4), say(tick)) for tick in ticks]
    lines = "".join(f"M{number(frame.left)} {y}H{number(frame.right)}" for y, _, _ in rows)
    marks = "".join(
        f'<text class="tick end" x="{number(frame.left - 8)}" y="{y}">{escape(label)}</text>'
        for _, y, label in rows
    )
    return f'<path class="grid" d="{lines}"/>{marks}'


def figure(name: str, *, title: str, description: str, body: str, size: tuple[float, float]) -> str:
    """One drawing with its title and description for those who cannot see it.

    Args:
        name: unique in the page; the ids of title and description start with it.
        title: what the figure shows, a few words.
        description: what can be read off it, a sentence or two.
        body: elements, already escaped.
        size: (width, height) in units.
    """
    width, height = (number(side) for side in size)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(description)}</desc>{body}</svg>'
    )
