"""A folder with one folder of images per class, divided into sets or not."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from inceptionkit.data import checks
from inceptionkit.data.sources import index_cache
from inceptionkit.data.sources.layout import LINK_BACK, Inside, arrange, is_image, is_seen
from inceptionkit.data.sources.listing import Listing
from inceptionkit.data.types import SampleTable, Unusable, digest, flippable
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
    blocks: None = None

    def read(self, index: int) -> Path:
        """Give the path of one file."""
        name = self.samples.names[index]
        return self.root / self.odd.get(name, name)

    def fingerprint(self) -> str:
        """SHA-256 over names, labels, sets and sizes of the files."""
        root, odd = str(self.root), self.odd
        return digest(self, [_size(root, odd.get(name, name)) for name in self.samples.names])


def open_folder(address: str, root: Path) -> Folder:
    """List the images below `root`.

    Links are followed, but none into a folder that it lies in. Hidden files, system folders and
    files whose names do not end like an image's are passed over. Images outside of class folders
    are listed as unusable.

    Raises:
        DataError: there is no image, a class folder holds none, or the layout is not clear.
    """
    if not root.is_dir():
        wrong = "it is neither a folder nor a file of a kind that holds labelled images"
        raise checks.data_error(address, wrong, f"name {checks.KINDS}")
    found = index_cache.folder(root)
    if found is None:
        tree = _Disk(root)
        found = arrange(address, tree)
        index_cache.keep_folder(root, found, tree.visited)
    return folder_of(address, root, found)


def folder_of(address: str, root: Path, found: Listing) -> Folder:
    """The dataset of files that were found below `root`; their names are paths."""
    odd = {printable(name): name for name in found.names if not name.isprintable()}
    names = [printable(name) for name in found.names] if odd else found.names
    samples = SampleTable(names, found.labels, found.sets)
    return Folder(
        address, root, found.class_names, samples, odd, flippable(found.class_names), found.skipped
    )


class _Disk:
    """The folders of a disk, as a tree; and which were visited, for the index in the cache."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.skipped: list[Unusable] = []
        self.visited: dict[str, int] = {}  # folder -> its time of change before it was listed, ns
        real = root.resolve()
        self.above = frozenset(_identity(place.stat()) for place in (real, *real.parents))

    def look(self, place: str) -> Inside:
        """List one folder; one that cannot be read is noted, and counts as empty."""
        here = self.root / place
        try:
            self.visited[place] = here.stat().st_mtime_ns
            with os.scandir(here) as entries:
                visible = sorted((e.name, _is_folder(e)) for e in entries if is_seen(e.name))
        except OSError as error:
            reason = f"cannot be read: {(error.strerror or '').lower()}"
            self.skipped.append(Unusable(printable(place or "."), reason))
            return Inside((), (), 0)
        below = f"{place}/" if place else ""
        folders = [below + name for name, folder in visible if folder]
        images = [below + name for name, folder in visible if not folder and is_image(name)]
        return Inside(folders, images, len(visible) - len(folders) - len(images))

    def walk(self, place: str) -> Iterator[str]:
        """Every image below a folder. Each folder is visited once, whatever links lead to it."""
        seen = set(self.above)
        parent = place.rpartition("/")[0]
        if parent:
            seen.add(_identity((self.root / parent).stat()))
        todo = [place]
        while todo:
            here = todo.pop()
            identity = _identity((self.root / here).stat())
            if identity in seen:
                self.skipped.append(Unusable(printable(here), LINK_BACK))
                continue
            seen.add(identity)
            inside = self.look(here)
            todo.extend(inside.folders)
            yield from inside.images


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _size(root: str, name: str) -> int:
    """Bytes of a file, -1 where it cannot be asked: reading it will say why."""
    try:
        return os.stat(os.path.join(root, name)).st_size  # noqa: PTH116, PTH118 - four times as fast
    except OSError:
        return -1
