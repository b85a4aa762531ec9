"""Heat maps as pictures: laid over an image, side by side, many in a grid."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from inceptionkit.evaluation.explain.explanation import Explanation
from inceptionkit.evaluation.heat_colors import colors, cover, strengths
from inceptionkit.text import percent

TILE = 192  # pixels: side of a picture in the grid
_GAP, _LINE, _MARGIN = 14, 20, 20  # pixels
_PIXEL_ART = 64  # up to this side an image is enlarged in hard squares
_INK, _SOFT, _PAPER = (27, 29, 33), (93, 98, 107), (255, 255, 255)
_GRAY = 0.6  # share of the image's colors that a map below it loses

Pixels = NDArray[np.uint8]


def grid(images: Sequence[Pixels], explanations: Sequence[Explanation]) -> bytes:
    """A PNG picture: one row per image, one column per exit.

    Args:
        images: (size, size, 3) each, as the network sees it.
        explanations: of these images, with the same exits.
    """
    heads = ["image", *explanations[0].exits]
    width = 2 * _MARGIN + len(heads) * (TILE + _GAP) - _GAP
    height = 2 * _MARGIN + _LINE + len(images) * (TILE + 2 * _LINE + _GAP)
    page = Image.new("RGB", (width, height), _PAPER)
    draw, bold, plain = ImageDraw.Draw(page), _font(15), _font(14)
    for column, head in enumerate(heads):
        place = (_MARGIN + column * (TILE + _GAP), _MARGIN - 6)
        draw.text(place, _fitted(head, bold), _INK, bold)
    for number, (image, explanation) in enumerate(zip(images, explanations, strict=True)):
        top = _MARGIN + _LINE + number * (TILE + 2 * _LINE + _GAP)
        for column, (pixels, first, second) in enumerate(_tiles(image, explanation)):
            left = _MARGIN + column * (TILE + _GAP)
            page.paste(_enlarged(pixels), (left, top))
            draw.text((left, top + TILE + 4), _fitted(first, plain), _INK, plain)
            draw.text((left, top + TILE + 4 + _LINE - 2), _fitted(second, plain), _SOFT, plain)
    file = io.BytesIO()
    page.save(file, "PNG", optimize=True)
    return file.getvalue()


def _tiles(image: Pixels, explanation: Explanation) -> Iterator[tuple[Pixels, str, str]]:
    """The pictures of one row, each with the two lines below it."""
    name = explanation.class_
    yield image, Path(explanation.path).name, f"evidence for {name}"
    for exit_ in explanation.exits.values():
        first = f"{exit_.label}, {percent(exit_.probability)}"
        second = "" if exit_.label == name else f"{name}, {percent(exit_.class_probability)}"
        yield overlay(image, exit_.map), first, second


def overlay(image: Pixels, evidence: NDArray[np.float32]) -> Pixels:
    """(TILE, TILE, 3): the image, grayer, with its evidence laid over it, from violet to yellow.

    Args:
        image: (size, size, 3).
        evidence: (rows, columns); the strongest becomes opaque, what is not positive stays clear.
    """
    base = np.asarray(_enlarged(image), np.float32)
    gray = (1 - _GRAY) * base + _GRAY * base.mean(2, keepdims=True)
    strength = strengths(evidence, TILE)
    share = cover(strength)[..., None]
    pixels: Pixels = (gray * (1 - share) + colors(strength) * share).round().astype(np.uint8)
    return pixels


def _enlarged(image: Pixels) -> Image.Image:
    small = max(image.shape[:2]) <= _PIXEL_ART
    resample = Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS
    return Image.fromarray(image).resize((TILE, TILE), resample)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font: the same on every machine."""
    return ImageFont.load_default(size)


def _fitted(text: str, letters: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """The end of `text` that fits below a tile, marked where its start is cut."""
    shown = text.encode("utf-8", "backslashreplace").decode()
    while len(shown) > 2 and letters.getlength(shown) > TILE:
        shown = "..." + shown.removeprefix("...")[1:]
    return shown
