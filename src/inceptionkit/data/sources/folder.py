"""A folder with one folder of images per class, divided into sets or not."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from inceptionkit.data import checks
from inceptionkit.data.flip_names import flippable
from inceptionkit.data.sources import index_cache
from inceptionkit.data.sources.arrange import arrange
from inceptionkit.data.sources.layout import (
    LINK_BACK,
    FolderContent,
    Listing,
    count_left_out,
    is_image,
    is_seen,
    may_be_image,
)
from inceptionkit.data.types import SampleTable, Unusable, digest
from inceptionkit.preprocess import UnusableImage, looks_like_image
from inceptionkit.text import printable


@dataclass(frozen=True, slots=True, eq=False)
class Folder:
    """Image files in class folders, or wherever a manifest says."""

    address: str
    root: Path
    classes: tuple[str, ...]
    samples: SampleTable
    odd: Mapping[str, str]  # names that had to be escaped -> where their file is below the root
    allows_flip: bool
    skipped: tuple[Unusable, ...]
    notes: tuple[str, ...] = ()
    blocks: None = None

    def read(self, index: int) -> Path:
        name = self.samples.names[index]
        return self.root / self.odd.get(name, name)

    def fingerprint(self) -> str:
        """SHA-256 over names, labels, sets and sizes of the files."""
        root, odd = str(self.root), self.odd
        return digest(self, [_size(root, odd.get(name, name)) for name in self.samples.names])


def open_folder(address: str, root: Path) -> Folder:
    """List the images below `root`.

    Links are followed, but none into a folder that it lies in. Hidden files and system folders are
    skipped. Of files whose names do not end like an image's the first bytes decide. Images outside
    of class folders are listed as unusable.

    Raises:
        DataError: there is no image, a class folder holds none, or the layout is not clear.
    """
    if not root.is_dir():
        wrong = "it is neither a folder nor a supported dataset file"
        raise checks.data_error(address, wrong, f"name {checks.KINDS}")
    listing = index_cache.folder(root)
    if listing is None:
        tree = Disk(root)
        listing = arrange(address, tree)
        index_cache.keep_folder(root, listing, tree.visited)
    return folder_of(address, root / listing.root, listing)


def folder_of(address: str, root: Path, listing: Listing) -> Folder:
    """The dataset of files below `root`; their names are paths."""
    names, classes = listing.names, listing.class_names
    odd = {printable(name): name for name in names if not name.isprintable()}
    if odd:
        names = [printable(name) for name in names]
    samples = SampleTable(names, listing.labels, listing.sets)
    flips, notes = flippable(classes), (*listing.notes, *checks.similar_names(classes))
    return Folder(address, root, classes, samples, odd, flips, listing.skipped, notes)


def image_files(place: Path) -> list[Path]:
    """The file itself, or every image below a folder, found as `open_folder` finds them.

    Raises:
        UnusableImage: there is none, or the folder cannot be read.
    """
    return [place / name for name in image_names(place)]


def image_names(place: Path) -> list[str]:
    """The names of the images below a folder, or "" for a file itself; a third of paths' memory.

    Raises:
        UnusableImage: as of `image_files`.
    """
    if not place.is_dir():
        if os.path.lexists(place):
            return [""]
        reason = "no such file or folder; check the spelling"
        raise UnusableImage(reason, printable(str(place)))
    tree = Disk(place)
    if names := sorted(tree.walk("")):
        return names
    reason = "there is no image in it; give a folder of images"
    if tree.skipped:
        reason = tree.skipped[0].reason
    raise UnusableImage(reason, printable(str(place)))


def images_at(given: str | Path) -> list[tuple[str | Path, str | None]]:
    """Every image that is meant; or what was given, and why there is none."""
    if "://" in str(given):
        return [(given, "is an address; download the image, then give the file")]
    place = Path(given).expanduser()
    try:
        return [(file, None) for file in image_files(place)]
    except UnusableImage as error:
        return [(place, error.reason)]


class Disk:
    """The folders of a disk, as a tree; and which were visited, for the index in the cache."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.skipped: list[Unusable] = []
        self.left_out: Counter[str] = Counter()
        self.listed: dict[str, FolderContent] = {}
        self.visited: dict[str, int] = {}  # folder -> its time of change before it was listed, ns
        real = root.resolve()
        self.above = frozenset(_identity(place.stat()) for place in real.parents)

    def list_folder(self, place: str) -> FolderContent:
        if place not in self.listed:
            self.listed[place] = self._list(place)
        return self.listed[place]

    def _list(self, place: str) -> FolderContent:
        here = self.root / place
        try:
            self.visited[place] = here.stat().st_mtime_ns
            with os.scandir(here) as entries:
                visible = sorted((e.name, _is_folder(e)) for e in entries if is_seen(e.name))
        except OSError as error:
            reason = f"cannot be read: {(error.strerror or '').lower()}"
            self.skipped.append(Unusable(printable(place or "."), reason))
            return FolderContent((), (), ())
        below = f"{place}/" if place else ""
        folders = [below + name for name, folder in visible if folder]
        images, others = list[str](), list[str]()
        for name, folder in visible:
            if folder:
                continue
            if is_image(name) or (may_be_image(name) and _begins_like_image(f"{here}/{name}")):
                images.append(below + name)
            else:
                others.append(below + name)
                count_left_out(self.left_out, name)
        return FolderContent(folders, images, others)

    def walk(self, place: str) -> Iterator[str]:
        seen, above = set(self.above), place
        while above:  # the folders that it lies in, the root among them
            above = above.rpartition("/")[0]
            seen.add(_identity((self.root / above).stat()))
        todo = [place]
        while todo:
            here = todo.pop()
            identity = _identity((self.root / here).stat())
            if identity in seen:
                if (back := Unusable(printable(here), LINK_BACK)) not in self.skipped:
                    self.skipped.append(back)
                continue
            seen.add(identity)
            inside = self.list_folder(here)
            todo.extend(inside.folders)
            yield from inside.images


def _begins_like_image(path: str) -> bool:
    """Whether the first bytes of a file are those of an image; never of a pipe, nor a device."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - several times as fast
            return False
        opened = os.open(path, os.O_RDONLY)
        try:
            return looks_like_image(os.read(opened, 32))
        finally:
            os.close(opened)
    except OSError:
        return False


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _size(root: str, name: str) -> int:
    """Bytes of a file, -1 where the system does not say: reading it will report why."""
    try:
        return os.stat(os.path.join(root, name)).st_size  # noqa: PTH116, PTH118 - four times as fast
    except OSError:
        return -1
