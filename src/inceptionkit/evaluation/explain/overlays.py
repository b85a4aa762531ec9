"""Maps of evidence as pictures: laid over the image, side by side, many in a grid."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

TILE, GAP, LINE, MARGIN = 192, 14, 20, 20  # pixels
PIXEL_ART = 64  # up to this side an image is enlarged in hard squares
INK, SOFT, PAPER = (27, 29, 33), (93, 98, 107), (255, 255, 255)
WEAK, STRONG = np.array([214.0, 69.0, 27.0]), np.array([255.0, 232.0, 120.0])  # RGB of evidence
COVER = 0.78  # share of a pixel that the strongest evidence covers
DIM = 0.7  # brightness that is left of the image below a map

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """One picture of a grid and the two lines below it."""

    pixels: Pixels  # (height, width, 3)
    first: str
    second: str = ""


def overlay(image: Pixels, evidence: NDArray[np.float32]) -> Pixels:
    """The image with what speaks for the class laid over it, from red (weak) to yellow.

    Args:
        image: (size, size, 3).
        evidence: (rows, columns); the strongest becomes opaque, what is not positive clear.

    Returns:
        (TILE, TILE, 3)
    """
    base = np.asarray(enlarged(image), np.float32)
    grey = base.mean(2, keepdims=True)
    strength = strengths(evidence)[..., None]
    colour = WEAK + (STRONG - WEAK) * strength
    cover = COVER * strength**1.2
    found = DIM * (0.6 * base + 0.4 * grey) * (1 - cover) + colour * cover
    pixels: Pixels = found.round().clip(0, 255).astype(np.uint8)
    return pixels


def strengths(evidence: NDArray[np.float32]) -> NDArray[np.float32]:
    """What is positive, from 0 to 1, smoothly enlarged to (TILE, TILE)."""
    positive = np.maximum(evidence, 0.0)
    top = float(positive.max())
    smooth = Image.fromarray(positive / top if top > 0 else positive).resize(
        (TILE, TILE), Image.Resampling.BICUBIC
    )
    found: NDArray[np.float32] = np.asarray(smooth).clip(0.0, 1.0)
    return found


def enlarged(image: Pixels) -> Image.Image:
    """The image at the size of a tile."""
    small = max(image.shape[:2]) <= PIXEL_ART
    how = Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS
    return Image.fromarray(image).resize((TILE, TILE), how)


def grid(heads: Sequence[str], rows: Sequence[Sequence[Tile]]) -> Image.Image:
    """Rows of tiles under the heads of their columns."""
    width = 2 * MARGIN + len(heads) * (TILE + GAP) - GAP
    height = 2 * MARGIN + LINE + len(rows) * (TILE + 2 * LINE + GAP)
    page = Image.new("RGB", (width, height), PAPER)
    draw, bold, plain = ImageDraw.Draw(page), font(15), font(14)
    for column, head in enumerate(heads):
        place = (MARGIN + column * (TILE + GAP), MARGIN - 6)
        draw.text(place, fitted(head, bold), INK, bold)
    for number, row in enumerate(rows):
        top = MARGIN + LINE + number * (TILE + 2 * LINE + GAP)
        for column, tile in enumerate(row):
            left = MARGIN + column * (TILE + GAP)
            page.paste(enlarged(tile.pixels), (left, top))
            draw.text((left, top + TILE + 4), fitted(tile.first, plain), INK, plain)
            draw.text((left, top + TILE + 4 + LINE - 2), fitted(tile.second, plain), SOFT, plain)
    return page


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font: the same on every machine."""
    return ImageFont.load_default(size)


def fitted(text: str, letters: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """As much of `text` as fits below a tile; what is left out at its start is marked."""
    shown = text.encode("utf-8", "backslashreplace").decode()
    while len(shown) > 2 and letters.getlength(shown) > TILE:
        shown = "..." + shown.removeprefix("...")[1:]
    return shown


def png(page: Image.Image) -> bytes:
    """An encoded picture."""
    file = io.BytesIO()
    page.save(file, "PNG", optimize=True)
    return file.getvalue()
