"""Class folders, divided into sets or not, wherever they lie: on the disk or in an archive."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from inceptionkit.data import checks
from inceptionkit.data.sources.listing import Listing
from inceptionkit.data.types import SETS, SetName, Unusable, set_named
from inceptionkit.preprocess import EXTENSIONS
from inceptionkit.text import printable

LINK_BACK = "links to a folder that is listed already"
LOOSE = "lies outside of the class folders"
_JUNK = frozenset({"__MACOSX", "@eaDir", "lost+found", "$RECYCLE.BIN", "System Volume Information"})
_INTO_CLASSES = "put one folder per class into it"


class Inside(NamedTuple):
    """What a folder holds, hidden things apart; paths are below the root, in order."""

    folders: Sequence[str]
    images: Sequence[str]
    others: int


class Tree(Protocol):
    """Folders that hold images. Paths are strings below the root, "" for the root itself."""

    @property
    def skipped(self) -> list[Unusable]:
        """What was found so far that cannot be used."""

    def look(self, place: str) -> Inside:
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
    top = tree.look("")
    found = _Found()
    for given, place in _sets(address, tree, top, found).items():
        _add_classes(tree, place, given, found)
    checks.require_images(
        address,
        images=len(found.labels),
        empty=not (top.folders or top.images or top.others or tree.skipped),
        loose=[one.name for one in tree.skipped if one.reason == LOOSE],
    )
    _refuse_bare(address, tree, found.bare)
    return found.listing(tree.skipped)


@dataclass(slots=True)
class _Found:
    """The columns as they grow; no row is ever an object of its own."""

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
        rank = np.argsort([self.class_names[word] for word in class_names]).astype(np.int32)
        return Listing(
            names=self.names,
            class_names=tuple(class_names),
            labels=rank[np.frombuffer(self.labels, np.int32)],
            sets=np.frombuffer(self.sets, np.int8),
            places=np.empty((len(self.labels), 0), np.int64),
            skipped=tuple(skipped),
        )


def _sets(address: str, tree: Tree, top: Inside, found: _Found) -> dict[SetName | None, str]:
    """The folders that hold class folders, in order of the sets: one each, or the root itself."""
    named = {place: given for place in top.folders if (given := set_named(place))}
    inside = {place: tree.look(place) for place in named}
    flat = [place for place in named if inside[place].images]
    if not any(inside[place].folders and place not in flat for place in named):
        if flat and len(flat) == len(top.folders) and "train" in named.values():
            raise checks.data_error(address, f"{flat[0]}/ holds images directly", _INTO_CLASSES)
        return {None: ""}
    _refuse_mixture(address, tree, top, named, flat)
    found.bare.extend(place for place in named if not inside[place].folders)
    tree.skipped.extend(Unusable(printable(path), LOOSE) for path in top.images)
    return {given: place for given in SETS for place in named if named[place] == given}


def _refuse_mixture(
    address: str, tree: Tree, top: Inside, named: Mapping[str, SetName], flat: list[str]
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


def _add_classes(tree: Tree, place: str, given: SetName | None, found: _Found) -> None:
    """Add the images of each class folder in `place`."""
    inside = tree.look(place)
    tree.skipped.extend(Unusable(printable(path), LOOSE) for path in inside.images)
    number = SETS.index(given) if given else -1
    for folder in sorted(inside.folders, key=lambda name: f"{name}/"):  # as whole paths sort
        paths = list(tree.walk(folder))
        if paths:
            found.add(paths, printable(folder.rpartition("/")[2]), number)
        else:
            found.bare.append(folder)


def _refuse_bare(address: str, tree: Tree, bare: Sequence[str]) -> None:
    """A class folder without an image is a mistake, unless it is a link back or unreadable."""
    reasons = {one.name: one.reason for one in tree.skipped}
    bare = [place for place in bare if reasons.get(printable(place)) != LINK_BACK]
    if bare:
        wrong = f"no image in folder {checks.quoted(map(printable, bare))}"
        reason = reasons.get(printable(bare[0]))
        wrong += f" ({reason})" if reason else ""
        raise checks.data_error(address, wrong, "add images, or remove the folder")
