"""A folder with one folder of images per class, divided into sets or not."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from inception.data import checks
from inception.data.source import (
    SETS,
    Samples,
    SetName,
    Unusable,
    digest,
    mirrors,
    set_named,
)
from inception.preprocess import EXTENSIONS, printable

_JUNK = frozenset({"__MACOSX", "@eaDir", "lost+found", "$RECYCLE.BIN", "System Volume Information"})


@dataclass(frozen=True, slots=True, eq=False)
class Folder:
    """Image files in class folders."""

    address: str
    root: Path
    classes: tuple[str, ...]
    samples: Samples
    sizes: tuple[int, ...]  # bytes of each file, -1 where it could not be asked
    odd: Mapping[str, str]  # names that had to be escaped -> where their file is below the root
    mirror: bool
    unlisted: tuple[Unusable, ...]

    def read(self, index: int) -> Path:
        """Give the path of one file."""
        name = self.samples.names[index]
        return self.root / self.odd.get(name, name)

    def fingerprint(self) -> str:
        """SHA-256 over names, labels, sets and sizes of the files."""
        return digest(self, self.sizes)


def open_folder(address: str, root: Path) -> Folder:
    """List the images below `root`.

    Links are followed, but none into a folder that it lies in. Hidden files, system folders and
    files whose names do not end like an image's are passed over. Images outside of class folders
    are listed as unusable.

    Raises:
        DataError: there is no image, a class folder holds none, or the layout is not clear.
    """
    if not root.is_dir():
        advice = "name the folder that holds the class folders"
        raise checks.refusal(address, "it is neither a folder nor a .parquet file", advice)
    survey = _Survey(root)
    top = survey.look("")
    sets = _sets(address, survey, top)
    for given, place in sets.items():
        _survey_classes(survey, place, given)
    checks.found(
        address,
        images=len(survey.files),
        empty=not (top.folders or top.images or top.others or survey.unlisted),
        loose=[one.name for one in survey.unlisted if one.reason == _LOOSE],
    )
    return _source(address, root, survey)


class _File(NamedTuple):
    set: int  # index into SETS, or -1
    path: str  # below the root
    klass: str
    size: int  # bytes


class _Inside(NamedTuple):
    """What a folder holds, hidden things apart; paths are below the root."""

    folders: tuple[str, ...]
    images: tuple[tuple[str, int], ...]  # path, bytes
    others: int


_LINK_BACK = "links to a folder that is listed already"
_LOOSE = "lies outside of the class folders"


class _Survey:
    """What has been found so far. Paths are strings below the root, for there are many."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: list[_File] = []
        self.bare: list[str] = []  # class folders without an image
        self.unlisted: list[Unusable] = []
        real = root.resolve()
        self.above = frozenset(map(_identity, (real, *real.parents)))

    def look(self, place: str) -> _Inside:
        """List one folder; one that cannot be read is noted, and counts as empty."""
        try:
            with os.scandir(self.root / place) as entries:
                visible = [e for e in entries if e.name[0] != "." and e.name not in _JUNK]
        except OSError as error:
            self.give_up(place or ".", f"cannot be read: {(error.strerror or '').lower()}")
            return _Inside((), (), 0)
        visible.sort(key=lambda entry: entry.name)
        folders = [entry.name for entry in visible if _is_folder(entry)]
        images = [e for e in visible if e.name not in set(folders) and _is_image(e.name)]
        return _Inside(
            tuple(_below(place, name) for name in folders),
            tuple((_below(place, entry.name), _size(entry)) for entry in images),
            len(visible) - len(folders) - len(images),
        )

    def give_up(self, place: str, reason: str) -> None:
        """Note something that cannot be used."""
        self.unlisted.append(Unusable(printable(place), reason))

    def walk(self, place: str) -> Iterator[tuple[str, int]]:
        """Every image below a folder. Each folder is visited once, whatever links lead to it."""
        seen = set(self.above)
        parent = place.rpartition("/")[0]
        if parent:
            seen.add(_identity(self.root / parent))
        todo = [place]
        while todo:
            here = todo.pop()
            identity = _identity(self.root / here)
            if identity in seen:
                self.give_up(here, _LINK_BACK)
                continue
            seen.add(identity)
            inside = self.look(here)
            todo.extend(inside.folders)
            yield from inside.images


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _is_image(name: str) -> bool:
    return f".{name.rpartition('.')[2].lower()}" in EXTENSIONS


def _below(place: str, name: str) -> str:
    return f"{place}/{name}" if place else name


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except OSError:  # a link that leads nowhere: reading it will say so
        return -1


def _sets(address: str, survey: _Survey, top: _Inside) -> dict[SetName | None, str]:
    """The folders that hold class folders: one per set, or the root itself."""
    named = {place: given for place in top.folders if (given := set_named(place))}
    inside = {place: survey.look(place) for place in named}
    flat = [place for place in named if inside[place].images]
    if not any(inside[place].folders and place not in flat for place in named):
        if flat and len(flat) == len(top.folders) and "train" in named.values():
            advice = "put one folder per class into it"
            raise checks.refusal(address, f"{flat[0]}/ holds images directly", advice)
        return {None: ""}
    _refuse_mixture(address, survey, top, named, flat)
    survey.bare.extend(place for place in named if not inside[place].folders)
    survey.unlisted.extend(Unusable(printable(path), _LOOSE) for path, _ in top.images)
    return {given: place for place, given in named.items()}


def _refuse_mixture(
    address: str, survey: _Survey, top: _Inside, named: Mapping[str, SetName], flat: list[str]
) -> None:
    if flat:
        advice = "put one folder per class into it"
        raise checks.refusal(address, f"{flat[0]}/ holds images directly", advice)
    for given in SETS:
        doubles = [place for place in named if named[place] == given]
        if len(doubles) > 1:
            wrong = f"{doubles[0]}/ and {doubles[1]}/ both hold {given}"
            raise checks.refusal(address, wrong, "merge them")
    for place in top.folders:
        if place not in named and next(survey.walk(place), None):
            wrong = f"{printable(place)}/ holds images and lies beside {next(iter(named))}/"
            raise checks.refusal(address, wrong, "move it into a set, or away")


def _survey_classes(survey: _Survey, place: str, given: SetName | None) -> None:
    """Add the images of each class folder in `place`."""
    inside = survey.look(place)
    survey.unlisted.extend(Unusable(printable(path), _LOOSE) for path, _ in inside.images)
    number = SETS.index(given) if given else -1
    for folder in inside.folders:
        klass = printable(folder.rpartition("/")[2])
        images = [_File(number, path, klass, size) for path, size in survey.walk(folder)]
        survey.files.extend(images)
        if not images:
            survey.bare.append(folder)


def _source(address: str, root: Path, survey: _Survey) -> Folder:
    files = sorted(survey.files)
    classes = tuple(sorted({file.klass for file in files}))
    _refuse_bare(address, survey)
    index = {name: label for label, name in enumerate(classes)}
    names = [printable(file.path) for file in files]
    samples = Samples(
        names,
        np.array([index[file.klass] for file in files], np.int32),
        np.array([file.set for file in files], np.int8),
    )
    odd = {n: f.path for n, f in zip(names, files, strict=True) if n != f.path}
    sizes = tuple(file.size for file in files)
    unlisted = tuple(survey.unlisted)
    return Folder(address, root, classes, samples, sizes, odd, mirrors(classes), unlisted)


def _refuse_bare(address: str, survey: _Survey) -> None:
    """A class folder without an image is a mistake, unless it is a link back or unreadable."""
    reasons = {one.name: one.reason for one in survey.unlisted}
    bare = [place for place in survey.bare if reasons.get(printable(place)) != _LINK_BACK]
    if bare:
        wrong = f"no image in folder {checks.listing(map(printable, bare))}"
        reason = reasons.get(printable(bare[0]))
        wrong += f" ({reason})" if reason else ""
        raise checks.refusal(address, wrong, "add images, or remove the folder")
