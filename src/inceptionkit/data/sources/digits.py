"""The handwritten digits that ship with the package; see `digits/ORIGIN.md`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.types import SampleTable, Unusable, digest


@dataclass(frozen=True, slots=True, eq=False)
class Digits:
    """1,797 handwritten digits of 8x8 pixels, grey, not divided.

    Sources:
        E. Alpaydin, C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine
        Learning Repository, doi 10.24432/C50P49, CC BY 4.0: its test part.
    """

    images: NDArray[np.uint8]  # (1797, 8, 8), 0 paper to 255 ink
    samples: SampleTable
    address: str = "digits"
    classes: tuple[str, ...] = tuple("0123456789")
    allows_flip: bool = False
    skipped: tuple[Unusable, ...] = ()
    notes: tuple[str, ...] = ()
    blocks: None = None

    def read(self, index: int) -> NDArray[np.uint8]:
        image: NDArray[np.uint8] = self.images[index]
        return image

    def fingerprint(self) -> str:
        """SHA-256 over names, labels and sizes."""
        return digest(self, [self.images[0].nbytes] * len(self.images))


@cache
def digits() -> Digits:
    """Load the digits; 60 kB, some milliseconds."""
    place = files("inceptionkit.data").joinpath("digits", "digits.npz")
    with place.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
        ink = stored["ink"]  # (1797, 8, 8), 0 to 16
        labels = stored["labels"].astype(np.int32)
    images = np.rint(ink * (255 / 16)).astype(np.uint8)
    images.flags.writeable = False
    names = tuple(f"digits#{index}" for index in range(len(labels)))
    return Digits(images, SampleTable(names, labels, np.full(len(labels), -1, np.int8)))
