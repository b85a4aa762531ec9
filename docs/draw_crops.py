"""Draws docs/images/crops.svg: the 144 crops of GoogLeNet's test protocol, from the code's own."""

from __future__ import annotations

from pathlib import Path

from inceptionkit.evaluation.multi_crop import GOOGLENET, Crop, square

PLACE = Path(__file__).parent / "images" / "crops.svg"
INPUT, LONG, SCALE = 224, 4 / 3, 0.5  # pixels; width / height of the photo; units a pixel
TOP, GAP, LEFT = 74, 46, 28  # units
INKS = ("#1668a8", "#c65a00", "#00785a", "#a8477f", "#8a6d00", "#4c5563")
STYLE = """
text{font:13px Helvetica,Arial,'Liberation Sans',sans-serif;fill:#1b1d21}
.head{font-weight:700;font-size:15px}.soft{fill:#5d626b}.paper{fill:#fcfcfa}
rect{fill-opacity:.06;stroke-width:1.8}.photo{fill:#8a8f98;fill-opacity:.14;stroke:#8a8f98}
@media(prefers-color-scheme:dark){text{fill:#e8e8e4}.soft{fill:#a9adb5}.paper{fill:#14161a}}
"""


def box(left: float, top: float, width: float, height: float, ink: str | None = None) -> str:
    """A rectangle; the photo itself has no ink."""
    paint = 'class="photo"' if ink is None else f'fill="{ink}" stroke="{ink}"'
    place = f'x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f"<rect {place} {paint}/>"


def words(left: float, top: float, text: str, kind: str = "") -> str:
    """A line of text."""
    return f'<text x="{left:.1f}" y="{top:.1f}" class="{kind}">{text}</text>'


def head(left: float, title: str, below: str) -> str:
    """What a panel shows."""
    return words(left, 30, title, "head") + words(left, 50, below, "soft")


def scales(left: float, sides: list[int]) -> tuple[str, float]:
    """The photo with its short side at each scale; and the panel's width."""
    parts = [head(left, f"{len(sides)} scales", "the short side is resized to")]
    for side in reversed(sides):
        parts.append(box(left, TOP, side * LONG * SCALE, side * SCALE))
        parts.append(words(left + side * LONG * SCALE - 27, TOP + side * SCALE - 6, f"{side}"))
    return "".join(parts), sides[-1] * LONG * SCALE


def squares(left: float, side: int, positions: list[float]) -> tuple[str, float]:
    """The squares of one scale."""
    wide = side * LONG
    said = f"{len(positions)} squares"
    parts = [head(left, said, "left, middle, right"), box(left, TOP, wide * SCALE, side * SCALE)]
    for number, position in enumerate(positions):
        x, y, right, bottom = square((round(wide), side), position)
        inset = 3 * number
        parts.append(
            box(
                left + x * SCALE + inset,
                TOP + y * SCALE + inset,
                (right - x) * SCALE - 2 * inset,
                (bottom - y) * SCALE - 2 * inset,
                INKS[number],
            )
        )
    return "".join(parts), wide * SCALE


def patches(left: float, crops: list[Crop]) -> tuple[str, float]:
    """The patches of one square."""
    side = crops[0].side
    said = f"corners, center of {INPUT}; the whole"
    parts = [head(left, f"{len(crops)} crops", said), box(left, TOP, side * SCALE, side * SCALE)]
    for number, crop in enumerate(crops):
        place = left + crop.left * SCALE, TOP + crop.top * SCALE
        parts.append(box(*place, crop.extent * SCALE, crop.extent * SCALE, INKS[number]))
    return "".join(parts), max(side * SCALE, 215)


def mirrors(left: float) -> tuple[str, float]:
    """Each crop and its mirror image."""
    parts = [head(left, "2 sides", "as it is, mirrored")]
    for number, points in enumerate(("10,80 10,10 60,80", "100,80 100,10 50,80")):
        x = left + 8 if number == 0 else left + 16
        shape = f'<polygon points="{points}" fill="{INKS[number]}" fill-opacity=".3" '
        parts.append(
            f'<g transform="translate({x:.0f} {TOP})">{shape}stroke="{INKS[number]}"/></g>'
        )
    return "".join(parts), 120


def drawing() -> str:
    """The whole picture."""
    every = GOOGLENET.crops(INPUT)
    sides = sorted({crop.side for crop in every})
    positions = sorted({crop.position for crop in every})
    largest = sides[-1]
    one = [c for c in every if (c.side, c.position, c.mirrored) == (largest, 0.5, False)]
    parts, left = [], float(LEFT)
    for panel in (
        lambda x: scales(x, sides),
        lambda x: squares(x, largest, positions),
        lambda x: patches(x, one),
        mirrors,
    ):
        drawn, wide = panel(left)
        parts.append(drawn)
        left += wide + GAP
    width, height = left - GAP + LEFT, TOP + largest * SCALE + 50
    product = f"{len(sides)} × {len(positions)} × {len(one)} × 2 = {len(every)} crops"  # noqa: RUF001
    said = words(LEFT, height - 18, f"{product}, whose probabilities are averaged", "soft")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img"><title>{product}</title>'
        f'<style>{STYLE}</style><rect class="paper" width="100%" height="100%" '
        f'style="fill-opacity:1"/>{"".join(parts)}{said}</svg>\n'
    )


if __name__ == "__main__":
    PLACE.write_text(drawing(), encoding="utf-8")
