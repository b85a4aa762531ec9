"""Photographs to measure with: those of a dataset, and large ones that are made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from inceptionkit.data import open_dataset

WIDTH, HEIGHT = 4000, 3000
QUALITY = 90
LEAVES = 15_000
SMALLEST, LARGEST = 12.0, 1_200.0  # radius, pixels
BLUR = 1.0  # pixels, of the lens
GRAIN = 3.5  # grey levels, of the sensor


@dataclass(frozen=True, slots=True)
class Case:
    """Photographs, and how many of them are timed at once."""

    name: str
    raws: Sequence[bytes]
    batch: int

    def turns(self) -> Iterator[list[int]]:
        """Which photographs each batch is made of, for ever."""
        at = 0
        while True:
            yield [(at + i) % len(self.raws) for i in range(self.batch)]
            at += self.batch


def photographs(path: Path, count: int) -> Case:
    """The first images of a dataset, encoded."""
    dataset = open_dataset(path)
    found = [dataset.read(index) for index in range(min(count, len(dataset.samples)))]
    files = [one.read_bytes() if isinstance(one, Path) else one for one in found]
    return Case("photographs", [one for one in files if isinstance(one, bytes)], 64)


def large_photos(count: int) -> list[bytes]:
    """JPEG files of 12 megapixels, some 3 MB each, as telephones write them."""
    return [large_photo(seed) for seed in range(count)]


def large_photo(seed: int) -> bytes:
    """Things of all sizes, one before the other, a little out of focus, with grain.

    Sources:
        "Dead leaves", whose radii fall with their cube, have the spectrum and the edges of
        photographs: Lee, Mumford and Huang 2001, doi:10.1023/A:1011109015675.
    """
    random = np.random.default_rng(seed)
    image = Image.new("RGB", (WIDTH, HEIGHT), (120, 110, 100))
    draw = ImageDraw.Draw(image)
    share = random.random(LEAVES)
    radii = (SMALLEST**-2 + share * (LARGEST**-2 - SMALLEST**-2)) ** -0.5
    places = random.random((LEAVES, 2)) * (WIDTH, HEIGHT)
    light = random.normal(120, 50, (LEAVES, 1))
    colors = (light + random.normal(0, 18, (LEAVES, 3))).clip(0, 255).astype(int)
    for radius, (x, y), color in zip(radii, places, colors, strict=True):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), tuple(color.tolist()))
    blurred = np.asarray(image.filter(ImageFilter.GaussianBlur(BLUR)), np.float32)
    grain = random.standard_normal((HEIGHT, WIDTH, 1), np.float32) * GRAIN
    levels = (blurred + grain).clip(0, 255).astype(np.uint8)
    stream = BytesIO()
    Image.fromarray(levels).save(stream, "JPEG", quality=QUALITY, subsampling="4:2:0")
    return stream.getvalue()
