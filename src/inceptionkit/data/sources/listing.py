"""What was found in one place: columns with a row for each image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.types import Unusable


class Row(NamedTuple):
    """One image that was found."""

    name: str  # its place below the address
    klass: str  # name of its class
    set: int  # index into SETS, or -1
    place: tuple[int, ...] = ()  # where its bytes are: see `Listing.places`


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Listing:
    """The images of one folder, manifest, or shard."""

    names: Sequence[str]
    class_names: tuple[str, ...]  # names of the classes
    labels: NDArray[np.int32]  # (images,), index into `class_names`
    sets: NDArray[np.int8]  # (images,), index into SETS, or -1
    places: NDArray[np.int64]  # (images, k), where the bytes of each are; k = 0 for files
    skipped: tuple[Unusable, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)


def listing(rows: Sequence[Row], skipped: Iterable[Unusable] = ()) -> Listing:
    """Turn rows into columns; classes are sorted, by number where all are numbers."""
    class_names = sorted_classes({row.klass for row in rows})
    number = {word: label for label, word in enumerate(class_names)}
    width = len(rows[0].place) if rows else 0
    return Listing(
        names=[row.name for row in rows],
        class_names=class_names,
        labels=np.array([number[row.klass] for row in rows], np.int32),
        sets=np.array([row.set for row in rows], np.int8),
        places=np.array([row.place for row in rows], np.int64).reshape(len(rows), width),
        skipped=tuple(skipped),
    )


def sorted_classes(class_names: Iterable[str]) -> tuple[str, ...]:
    """Sort names of classes, by number where all of them are numbers.

    >>> sorted_classes({"10", "9"}), sorted_classes({"b", "10", "9"})
    (('9', '10'), ('10', '9', 'b'))
    """
    every = sorted(class_names)
    return tuple(sorted(every, key=int) if all(map(_is_number, every)) else every)


def unique_names(names: Iterable[str]) -> tuple[str, ...]:
    """Names of which no two are alike: ImageNet has two kinds of "crane" among its classes.

    >>> unique_names(["crane", "ox", "crane"])
    ('crane', 'ox', 'crane (2)')
    """
    known: dict[str, int] = {}
    for label, name in enumerate(names):
        known[f"{name} ({label})" if name in known else name] = label
    return tuple(known)


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) < 19
