"""Images as columns, and class folders, divided into sets or not, on the disk or in an archive."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data import checks
from inceptionkit.data.types import SETS, SetName, Unusable, set_named
from inceptionkit.preprocess import EXTENSIONS
from inceptionkit.text import printable

LINK_BACK = "links to a folder that is listed already"
_LOOSE = "lies outside of the class folders"
_JUNK = frozenset({"__MACOSX", "@eaDir", "lost+found", "$RECYCLE.BIN", "System Volume Information"})
_INTO_CLASSES = "put one folder per class into it"


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

    def __len__(self) -> int:
        return len(self.labels)


def make_listing(rows: Sequence[Row], skipped: Iterable[Unusable] = ()) -> Listing:
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
    others: int


class Tree(Protocol):
    """Folders that hold images. Paths are strings below the root, "" for the root itself."""

    @property
    def skipped(self) -> list[Unusable]:
        """What cannot be used, so far."""

    def list_folder(self, place: str) -> FolderContent:
        """List one folder; one that cannot be read is noted, and counts as empty."""

    def walk(self, place: str) -> Iterator[str]:
        """Every image below a folder."""


def is_seen(name: str) -> bool:
    """Whether a file or folder of that name counts: neither hidden nor the system's."""
    return name[:1] != "." and name not in _JUNK


def is_image(name: str) -> bool:
    """Whether a name ends like that of an image."""
    return f".{name.rpartition('.')[2].lower()}" in EXTENSIONS


def arrange(address: str, tree: Tree) -> Listing:
    """Sort the images of a tree into classes and sets.

    Images outside of class folders are listed as unusable.

    Raises:
        DataError: there is no image, a class folder holds none, or the layout is not clear.
    """
    top = tree.list_folder("")
    columns = _Columns()
    for given, place in _sets(address, tree, top, columns).items():
        _add_classes(tree, place, given, columns)
    checks.require_images(
        address,
        images=len(columns.labels),
        empty=not (top.folders or top.images or top.others or tree.skipped),
        loose=[image.name for image in tree.skipped if image.reason == _LOOSE],
    )
    _refuse_bare(address, tree, columns.bare)
    return columns.listing(tree.skipped)


@dataclass(slots=True)
class _Columns:
    """The columns as they grow, without an object for each row."""

    names: list[str] = field(default_factory=list)
    labels: array[int] = field(default_factory=lambda: array("i"))  # in order of appearance
    sets: array[int] = field(default_factory=lambda: array("b"))
    class_names: dict[str, int] = field(default_factory=dict)
    bare: list[str] = field(default_factory=list)  # class folders without an image

    def add(self, paths: list[str], klass: str, number: int) -> None:
        label = self.class_names.setdefault(klass, len(self.class_names))
        self.names.extend(sorted(paths))
        self.labels.extend([label] * len(paths))
        self.sets.extend([number] * len(paths))

    def listing(self, skipped: Sequence[Unusable]) -> Listing:
        class_names = sorted(self.class_names)
        rank = np.argsort([self.class_names[name] for name in class_names]).astype(np.int32)
        return Listing(
            names=self.names,
            class_names=tuple(class_names),
            labels=rank[np.frombuffer(self.labels, np.int32)],
            sets=np.frombuffer(self.sets, np.int8),
            places=np.empty((len(self.labels), 0), np.int64),
            skipped=tuple(skipped),
        )


def _sets(
    address: str, tree: Tree, top: FolderContent, columns: _Columns
) -> dict[SetName | None, str]:
    """The folders that hold class folders, in order of the sets: one each, or the root itself."""
    named = {place: given for place in top.folders if (given := set_named(place))}
    inside = {place: tree.list_folder(place) for place in named}
    flat = [place for place in named if inside[place].images]
    if not any(inside[place].folders and place not in flat for place in named):
        if flat and len(flat) == len(top.folders) and "train" in named.values():
            raise checks.data_error(address, f"{flat[0]}/ holds images directly", _INTO_CLASSES)
        return {None: ""}
    _refuse_mixture(address, tree, top, named, flat)
    columns.bare.extend(place for place in named if not inside[place].folders)
    tree.skipped.extend(Unusable(printable(path), _LOOSE) for path in top.images)
    return {given: place for given in SETS for place in named if named[place] == given}


def _refuse_mixture(
    address: str, tree: Tree, top: FolderContent, named: Mapping[str, SetName], flat: list[str]
) -> None:
    if flat:
        raise checks.data_error(address, f"{flat[0]}/ holds images directly", _INTO_CLASSES)
    for given in SETS:
        doubles = [place for place in named if named[place] == given]
        if len(doubles) > 1:
            wrong = f"{doubles[0]}/ and {doubles[1]}/ both hold {given}"
            raise checks.data_error(address, wrong, "merge them")
    for place in top.folders:
        if place not in named and next(tree.walk(place), None):
            wrong = f"{printable(place)}/ holds images and lies beside {next(iter(named))}/"
            raise checks.data_error(address, wrong, "move it into a set, or away")


def _add_classes(tree: Tree, place: str, given: SetName | None, columns: _Columns) -> None:
    """Add the images of each class folder in `place`."""
    inside = tree.list_folder(place)
    tree.skipped.extend(Unusable(printable(path), _LOOSE) for path in inside.images)
    number = SETS.index(given) if given else -1
    for folder in sorted(inside.folders, key=lambda name: f"{name}/"):  # as whole paths sort
        paths = list(tree.walk(folder))
        if paths:
            columns.add(paths, printable(folder.rpartition("/")[2]), number)
        else:
            columns.bare.append(folder)


def _refuse_bare(address: str, tree: Tree, bare: Sequence[str]) -> None:
    """A class folder without an image is a mistake, unless it is a link back or unreadable."""
    reasons = {skipped.name: skipped.reason for skipped in tree.skipped}
    bare = [place for place in bare if reasons.get(printable(place)) != LINK_BACK]
    if bare:
        wrong = f"no image in folder {checks.quoted(map(printable, bare))}"
        reason = reasons.get(printable(bare[0]))
        wrong += f" ({reason})" if reason else ""
        raise checks.data_error(address, wrong, "add images, or remove the folder")
