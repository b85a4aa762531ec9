"""The papers' test protocols: many crops of one image, whose answers are averaged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inceptionkit.errors import RecipeError
from inceptionkit.preprocess import Preprocessing
from inceptionkit.preprocess.preprocessing import INTERPOLATIONS

_PAPER = 224  # pixels: the input for which the papers state their sides; others scale with it
FIRST, MIDDLE, LAST = 0.0, 0.5, 1.0  # squares along the long side

Patch: TypeAlias = Literal["corners", "center", "whole"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """One view of an image: a square of it is resized, and a patch of that is cut out."""

    position: float  # of the square along the image's long side: 0 first, 0.5 middle, 1 last
    side: int  # to which the square is resized, pixels
    left: int  # of the patch in the resized square, pixels
    top: int
    extent: int  # side of the patch; resized to the input where it is not the input's
    mirrored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """Which crops are taken. Sides are pixels for an input of 224 and scale with the input."""

    name: str
    sides: tuple[int, ...]  # to which the short side of the image is resized
    positions: tuple[float, ...] = (MIDDLE,)
    patches: tuple[Patch, ...] = ("center",)
    mirrored: bool = False  # whether each crop is seen mirrored, too

    def crops(self, size: int) -> tuple[Crop, ...]:
        """The crops for an input of `size` pixels: side by side, square by square."""
        return tuple(
            Crop(
                position=position,
                side=side,
                left=left,
                top=top,
                extent=extent,
                mirrored=mirrored,
            )
            for side in (round(side * size / _PAPER) for side in self.sides)
            for position in self.positions
            for left, top, extent in patches(self.patches, side, size)
            for mirrored in ((False, True) if self.mirrored else (False,))
        )

    @property
    def count(self) -> int:
        """Number of crops."""
        return len(self.crops(_PAPER))


def patches(kinds: tuple[Patch, ...], side: int, size: int) -> Iterator[tuple[int, int, int]]:
    """Left, top and extent of the patches of a square of `side` pixels."""
    room = side - size
    for kind in kinds:
        match kind:
            case "corners":
                yield from ((left, top, size) for top in (0, room) for left in (0, room))
            case "center":
                yield room // 2, room // 2, size
            case "whole":
                yield 0, 0, side


AS_IN_USE = Protocol(name="1", sides=(_PAPER,))
TEN = Protocol(name="10", sides=(256,), patches=("corners", "center"), mirrored=True)
GOOGLENET = Protocol(
    name="144",
    sides=(256, 288, 320, 352),
    positions=(FIRST, MIDDLE, LAST),
    patches=("corners", "center", "whole"),
    mirrored=True,
)
PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {protocol.name: protocol for protocol in (AS_IN_USE, TEN, GOOGLENET)}
)
"""1: the model's own preprocessing. 10: Krizhevsky et al. 2012, section 4.1. 144: Szegedy et al.
2014, arXiv:1409.4842, section 7."""


def parse_protocols(text: str) -> tuple[Protocol, ...]:
    """Read a list of protocols, such as "1,10,144" or "1,256+320".

    Numbers joined by + are short sides, for an input of 224 pixels, at which the middle is seen.

    >>> [(p.name, p.count) for p in parse_protocols("1,10,144,256+320")]
    [('1', 1), ('10', 10), ('144', 144), ('256+320', 2)]

    Raises:
        RecipeError: it is none, or a side is smaller than 224.
    """
    return tuple(_parse_protocol(word.strip()) for word in text.split(","))


def _parse_protocol(word: str) -> Protocol:
    """Read one protocol.

    Raises:
        RecipeError: it is none, or a side is shorter than the input.
    """
    if word in PROTOCOLS:
        return PROTOCOLS[word]
    if not re.fullmatch(r"[0-9]{1,5}(\+[0-9]{1,5})+", word):
        msg = (
            f"no crops are called {word!r}; there are {', '.join(PROTOCOLS)}, and short sides "
            "joined by +, such as 256+320"
        )
        raise RecipeError(msg)
    sides = tuple(int(side) for side in word.split("+"))
    if min(sides) < _PAPER:
        msg = f"{word}: a short side must be at least {_PAPER}, that of the input, got {min(sides)}"
        raise RecipeError(msg)
    return Protocol(name=word, sides=sides)


def cut(image: NDArray[np.uint8], protocol: Protocol, how: Preprocessing) -> NDArray[np.uint8]:
    """All crops of one image.

    Args:
        image: (height, width, 3), any size.
        protocol: which crops.
        how: the model's preprocessing; of `AS_IN_USE` it says everything, else input and filter.

    Returns:
        (crops, size, size, 3)
    """
    if protocol is AS_IN_USE:
        return how.fit(image)[None]
    picture, resample = Image.fromarray(image), INTERPOLATIONS[how.interpolation]
    squares: dict[tuple[float, int], Image.Image] = {}
    found = []
    for crop in protocol.crops(how.size):
        key = crop.position, crop.side
        if key not in squares:
            squares[key] = picture.resize(
                (crop.side, crop.side), resample, box=square(picture.size, crop.position)
            )
        found.append(patch(squares[key], crop, how.size, resample))
    return np.stack(found)


def square(size: tuple[int, int], position: float) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a square of an image, in its own pixels.

    Args:
        size: (width, height) of the image.
        position: along its long side.
    """
    width, height = size
    short = min(size)
    left, top = (width - short) * position, (height - short) * position
    return left, top, left + short, top + short


def patch(
    whole: Image.Image, crop: Crop, size: int, resample: Image.Resampling
) -> NDArray[np.uint8]:
    """One patch of a resized square: (size, size, 3)."""
    box = (crop.left, crop.top, crop.left + crop.extent, crop.top + crop.extent)
    part = whole.crop(box)
    if crop.extent != size:
        part = part.resize((size, size), resample)
    pixels = np.asarray(part)
    return pixels[:, ::-1] if crop.mirrored else pixels
