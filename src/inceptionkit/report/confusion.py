"""The confusion matrix as SVG: every cell for a few classes, a shrunken map for many."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inceptionkit import svg
from inceptionkit.evaluation.metrics import Confusion
from inceptionkit.report.pictures import FEW, address
from inceptionkit.svg import escape, number
from inceptionkit.text import cells, plural, shorten, whole_percent

MAP_CELLS = 250  # a map of more classes has at most so many cells a side
RIGHT_RGB, WRONG_RGB = (47, 127, 193), (213, 94, 0)  # both readable on light and on dark
_LETTER = 6.9  # units, the width of a letter in labels
_LABEL = 18  # longest label, in letters
_MAP_SIDE = 420  # units


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Images of one class that were taken for another."""

    truth: str
    guess: str
    images: int
    share_of_truth: float  # of all images of the class


def confused_pairs(
    confusion: Confusion, classes: tuple[str, ...], *, limit: int
) -> tuple[Pair, ...]:
    """The pairs confused most often, most images first, then in class order."""
    rows, columns, images = _cells_of(confusion)
    wrong = np.flatnonzero(rows != columns)
    first = wrong[np.argsort(-images[wrong], kind="stable")[:limit]]
    per_class = confusion.sum(axis=1)
    return tuple(
        Pair(
            truth=classes[rows[at]],
            guess=classes[columns[at]],
            images=int(images[at]),
            share_of_truth=float(images[at] / per_class[rows[at]]),
        )
        for at in first.tolist()
    )


def _cells_of(confusion: Confusion) -> tuple[NDArray[np.int64], ...]:
    """Rows, columns and images of the cells that hold an image, in order: there are few of them."""
    rows, columns = confusion.nonzero()
    return rows, columns, confusion[rows, columns].astype(np.int64)


def natural_width(classes: int) -> int:
    """Pixels of the drawing's width at which its text has its proper size."""
    return 560 if classes > FEW else 190 + classes * _cell(classes)


def anchor(truth: int, guess: int) -> str:
    """Where the pictures of a cell are on the page."""
    return f"cell-{truth}-{guess}"


def matrix(
    confusion: Confusion,
    classes: tuple[str, ...],
    linked: Collection[tuple[int, int]] = (),
) -> str:
    """The matrix as one drawing, whatever the number of classes.

    Args:
        confusion: (classes, classes) images; rows true, columns predicted.
        classes: names, in the order of rows and columns.
        linked: (row, column) of the cells whose pictures are on the page.
    """
    images, right = int(confusion.sum()), int(confusion.trace())
    description = (
        f"{plural(len(classes), 'class', 'classes')}, rows true, columns predicted. "
        f"{right:,} of {plural(images, 'image')} lie on the diagonal."
    )
    if len(classes) <= FEW:
        body, size = _numbered(confusion, classes, linked)
    else:
        body, size = _shrunken(confusion, classes)
    return svg.figure(
        "confusion", title="Confusion matrix", description=description, body=body, size=size
    )


def _cell(classes: int) -> int:
    return 44 if classes <= 12 else 30


def _numbered(
    confusion: Confusion,
    classes: tuple[str, ...],
    linked: Collection[tuple[int, int]],
) -> tuple[str, tuple[float, float]]:
    side = _cell(len(classes))
    labels = [shorten(name, _LABEL) for name in classes]
    longest = max(map(cells, labels)) * _LETTER
    upright = longest > side - 6  # columns: labels stand where they would overlap lying
    left, top = longest + 34, (longest if upright else 14) + 36
    extent = side * len(classes)
    rows = "".join(
        f'<text class="tick end" x="{number(left - 8)}" y="{number(top + (k + 0.5) * side + 4)}">'
        f"{escape(label)}</text>"
        for k, label in enumerate(labels)
    )
    columns = "".join(
        _column_label(label, left + (k + 0.5) * side, top - 8, upright=upright)
        for k, label in enumerate(labels)
    )
    found = _drawn_cells(confusion, classes, side=side, left=left, top=top)
    drawn = "".join(_linked(place, cell) if place in linked else cell for place, cell in found)
    body = (
        _axis_names(left + extent / 2, 16, top + extent / 2)
        + rows
        + columns
        + f'<rect class="field" x="{number(left)}" y="{number(top)}" width="{extent}" '
        f'height="{extent}"/>{drawn}'
    )
    return body, (left + extent + 4, top + extent + 4)


def _axis_names(middle_x: float, top: float, middle_y: float) -> str:
    return (
        f'<text class="label mid" x="{number(middle_x)}" y="{number(top)}">predicted class</text>'
        f'<text class="label mid" transform="translate(16 {number(middle_y)}) rotate(-90)">'
        "true class</text>"
    )


def _column_label(label: str, x: float, y: float, *, upright: bool) -> str:
    if not upright:
        return f'<text class="tick mid" x="{number(x)}" y="{number(y)}">{escape(label)}</text>'
    place = f"translate({number(x + 4)} {number(y)}) rotate(-90)"
    return f'<text class="tick" transform="{place}">{escape(label)}</text>'


def _drawn_cells(
    confusion: Confusion, classes: tuple[str, ...], *, side: int, left: float, top: float
) -> Iterator[tuple[tuple[int, int], str]]:
    per_class = confusion.sum(axis=1)
    for row, column in zip(*(axis.tolist() for axis in confusion.nonzero()), strict=True):
        images = int(confusion[row, column])
        part = images / int(per_class[row])
        # Mistakes are rare: their square root keeps one of a hundred visible.
        strength = 0.12 + 0.8 * (part if row == column else part**0.5)
        x, y = left + column * side, top + row * side
        hint = (
            f"{classes[row]} taken for {classes[column]}: {images:,} ({whole_percent(part)})"
            if row != column
            else f"{classes[row]} right: {images:,} of {per_class[row]:,} ({whole_percent(part)})"
        )
        kind = "right" if row == column else "wrong"
        tone = " loud" if strength > 0.8 else " strong" if strength > 0.62 else ""
        drawn = (
            f'<g class="{kind}{tone}"><title>{escape(hint)}</title>'
            f'<rect x="{number(x + 1)}" y="{number(y + 1)}" width="{side - 2}" height="{side - 2}" '
            f'rx="3" fill-opacity="{strength:.2f}"/><text class="mid" x="{number(x + side / 2)}" '
            f'y="{number(y + side / 2 + 4.5)}">{escape(_short(images))}</text></g>'
        )
        yield (row, column), drawn


def _linked(place: tuple[int, int], cell: str) -> str:
    return f'<a href="#{anchor(*place)}">{cell}</a>'


def _short(images: int) -> str:
    """A count that fits a cell: 999, 1.2k, 12k."""
    if images < 1000:
        return f"{images}"
    return f"{images / 1000:.{1 if images < 9950 else 0}f}k"


def _shrunken(confusion: Confusion, classes: tuple[str, ...]) -> tuple[str, tuple[float, float]]:
    left, top = 34.0, 34.0
    picture = address(Image.fromarray(shades(confusion), "RGBA"), "PNG")
    note = (
        "" if len(classes) <= MAP_CELLS
        else f"one cell stands for up to {-(-len(classes) // MAP_CELLS)} by "
        f"{-(-len(classes) // MAP_CELLS)} classes"
    )  # fmt: skip
    body = (
        _axis_names(left + _MAP_SIDE / 2, 20, top + _MAP_SIDE / 2)
        + f'<rect class="field" x="{left:g}" y="{top:g}" width="{_MAP_SIDE}" height="{_MAP_SIDE}"/>'
        f'<image class="crisp" href="{picture}" x="{left:g}" y="{top:g}" width="{_MAP_SIDE}" '
        f'height="{_MAP_SIDE}" preserveAspectRatio="none"/>'
        f'<text class="tick mid" x="{number(left + _MAP_SIDE / 2)}" '
        f'y="{number(top + _MAP_SIDE + 18)}">{escape(note)}</text>'
    )
    return body, (left + _MAP_SIDE + 8, top + _MAP_SIDE + (26 if note else 8))


def shades(confusion: Confusion) -> NDArray[np.uint8]:
    """One RGBA pixel per cell or block of cells: blue what is right, orange what is not.

    Returns:
        (side, side, 4) uint8, side at most `MAP_CELLS`; clear where there is nothing.
    """
    rows, columns, images = _cells_of(confusion)
    block = -(-len(confusion) // MAP_CELLS)
    side, part = -(-len(confusion) // block), images / confusion.sum(axis=1)[rows]
    right, wrong = np.zeros((side, side)), np.zeros((side, side))
    for into, which in ((right, rows == columns), (wrong, rows != columns)):
        np.maximum.at(into, (rows[which] // block, columns[which] // block), part[which])
    is_wrong = wrong > right
    strength = np.where(is_wrong, np.sqrt(wrong), right)
    pixels = np.zeros((*strength.shape, 4), np.uint8)
    pixels[..., :3] = np.where(is_wrong[..., None], WRONG_RGB, RIGHT_RGB)
    pixels[..., 3] = np.where(strength > 0, 40 + 215 * np.clip(strength, 0, 1), 0)
    pixels[pixels[..., 3] == 0] = 0
    return pixels
