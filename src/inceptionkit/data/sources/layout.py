"""Images as columns, and the trees of folders that they are found in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.types import Unusable
from inceptionkit.preprocess import EXTENSIONS

LINK_BACK = "links to a folder that is listed already"
_JUNK = frozenset(
    {"__macosx", "@eadir", "#recycle", "lost+found", "$recycle.bin", "system volume information"}
)
_NO_IMAGES = (
    "bin cfg csv ckpt db doc docx gz h5 htm html ini ipynb jsonl json log mat md mov mp4 npy npz "
    "parquet pdf pkl pt pth py rar sh tar tsv txt xls xlsx xml yaml yml zip"
)
_PLAIN = frozenset(_NO_IMAGES.split())  # endings of files that hold something else for certain


class Row(NamedTuple):
    """One image that was found."""

    name: str  # its place below the address
    klass: str  # name of its class
    set: int  # index into SETS, or -1
    place: tuple[int, ...] = ()  # where its bytes are: see `Listing.places`


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Listing:
    """The images of one folder, manifest, or shard, as columns."""

    names: Sequence[str]
    class_names: tuple[str, ...]
    labels: NDArray[np.int32]  # (images,), index into `class_names`
    sets: NDArray[np.int8]  # (images,), index into SETS, or -1
    places: NDArray[np.int64]  # (images, k), where the bytes of each are; k = 0 for files
    skipped: tuple[Unusable, ...] = ()
    root: str = ""  # folders around everything, below which the names are: "photos/"
    notes: tuple[str, ...] = ()  # what was decided about the layout, for people

    def __len__(self) -> int:
        return len(self.labels)


def make_listing(
    rows: Sequence[Row], skipped: Iterable[Unusable] = (), notes: Iterable[str] = ()
) -> Listing:
    """Turn rows into columns; classes are sorted, by number where all are numbers."""
    class_names = sorted_classes({row.klass for row in rows})
    number = {name: label for label, name in enumerate(class_names)}
    width = len(rows[0].place) if rows else 0
    return Listing(
        names=[row.name for row in rows],
        class_names=class_names,
        labels=np.array([number[row.klass] for row in rows], np.int32),
        sets=np.array([row.set for row in rows], np.int8),
        places=np.array([row.place for row in rows], np.int64).reshape(len(rows), width),
        skipped=tuple(skipped),
        notes=tuple(notes),
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


class FolderContent(NamedTuple):
    """What a folder holds, hidden things apart; paths are below the root, in order."""

    folders: Sequence[str]
    images: Sequence[str]
    others: Sequence[str]  # files that are no images


class Tree(Protocol):
    """Folders that hold images. Paths are strings below the root, "" for the root itself."""

    @property
    def skipped(self) -> list[Unusable]:
        """What cannot be used, so far."""

    @property
    def left_out(self) -> Counter[str]:
        """How many files were met that are no images, by the ends of their names."""

    def list_folder(self, place: str) -> FolderContent:
        """List one folder; one that cannot be read is noted, and counts as empty."""

    def walk(self, place: str) -> Iterator[str]:
        """Every image below a folder."""


def is_seen(name: str) -> bool:
    """Whether a file or folder of that name counts: neither hidden nor the system's."""
    return name[:1] != "." and name.lower() not in _JUNK


def is_image(name: str) -> bool:
    """Whether a name ends like that of an image."""
    return f".{_ending(name)}" in EXTENSIONS


def may_be_image(name: str) -> bool:
    """Whether only a file's first bytes tell: its name ends like that of no known kind.

    >>> may_be_image("0a1b2c"), may_be_image("img.001"), may_be_image("notes.txt")
    (True, True, False)
    """
    return _ending(name) not in _PLAIN


def _ending(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""


def count_left_out(left_out: Counter[str], name: str) -> None:
    """Count a file that is no image by the end of its name."""
    ending = _ending(name)
    left_out[f".{ending}" if 0 < len(ending) < 9 else "no ending"] += 1
