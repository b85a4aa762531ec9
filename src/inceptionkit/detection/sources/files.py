"""The files below a folder, and images found by the names that annotations give them."""

from __future__ import annotations

import os
import posixpath
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from inceptionkit.data import checks
from inceptionkit.data.set_names import set_named
from inceptionkit.data.sources.folder import Disk
from inceptionkit.data.types import SetName, Unusable
from inceptionkit.files import read_bounded
from inceptionkit.text import printable


class Files:
    """Images and other files below a folder, listed once; of folders elsewhere that are added, too.

    Attributes:
        root: the folder.
        images: paths of images below it, sorted; those of files elsewhere lead there from it.
        others: paths of other files below it, sorted.
        skipped: folders that cannot be listed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.images, self.others = list[str](), list[str]()
        self.skipped: list[Unusable] = []
        self._known = set[str]()
        self._by_stem = defaultdict[str, list[str]](list)
        self.add_folder("")

    def add_folder(self, place: str) -> None:
        """List the files below a folder, which may lie elsewhere."""
        disk, before = Disk(self.root / place), f"{place}/" if place else ""
        images = [before + name for name in disk.walk("")]
        others = [before + name for one in disk.listed.values() for name in one.others]
        self.skipped += [Unusable(before + one.name, one.reason) for one in disk.skipped]
        self.add(images, others)

    def add(self, images: Sequence[str], others: Sequence[str]) -> None:
        """Add files, which may lie elsewhere."""
        for name in sorted({*images} - self._known):
            self._by_stem[stem(name)].append(name)
        self._known.update(images)
        self.images = sorted(self._known)
        self.others = sorted({*self.others, *others})

    def place_of(self, path: str) -> str:
        """The name that a file or a folder at a path has here.

        Args:
            path: from the root, or of anywhere.

        Returns:
            The way from the root to it; a whole path as it is, where it does not lie below.
        """
        root = os.path.abspath(self.root)  # noqa: PTH100 - links stay as they are
        whole = Path(os.path.normpath(os.path.join(root, path)))  # noqa: PTH118 - "a/.." as well
        inside = whole.is_relative_to(root)
        return whole.relative_to(root).as_posix() if inside else posixpath.normpath(path)

    def ending(self, *endings: str) -> list[str]:
        """The other files whose names end so, whatever the case."""
        return [name for name in self.others if name.lower().endswith(endings)]

    def has_image(self, of_stem: str) -> bool:
        """Whether an image has this name, without folders and ending."""
        return of_stem in self._by_stem

    def find_image(self, name: str, near: str) -> str | None:
        """The image that annotations call `name`.

        Args:
            name: a path, or the end of one, with or without the ending of the file.
            near: folder of the annotations, below the root.

        Returns:
            Its path below the root; None if there is none, or several fit equally.
        """
        parts = [part for part in name.replace("\\", "/").split("/") if part not in {"", "."}]
        if not parts:
            return None
        for folder in (near, ""):
            exact = posixpath.normpath(posixpath.join(folder, *parts))
            if exact in self._known:
                return exact
        with_ending = posixpath.splitext(parts[-1])[1] != ""
        found = [
            image
            for image in self._by_stem.get(stem(parts[-1]), ()) or self._by_stem.get(parts[-1], ())
            if not with_ending or posixpath.basename(image).lower() == parts[-1].lower()
        ] or self._by_stem.get(parts[-1], [])
        ranks = [(_shared_end(image, parts), _shared_start(image, near)) for image in found]
        best = [image for image, rank in zip(found, ranks, strict=True) if rank == max(ranks)]
        return best[0] if len(best) == 1 else None


def stem(name: str) -> str:
    """The name of a file without folders and ending.

    >>> stem("train/cat.7.jpg")
    'cat.7'
    """
    return posixpath.splitext(posixpath.basename(name))[0]


def folder_of(name: str) -> str:
    """The folder of a file, "" at the root."""
    return posixpath.dirname(name)


def set_of(name: str) -> SetName | None:
    """The set that the folders around a file name, the innermost first.

    >>> set_of("bccd/valid/images/1.jpg"), set_of("all/1.jpg")
    ('val', None)
    """
    for part in reversed(posixpath.dirname(name).split("/")):
        if (given := set_named(part)) is not None:
            return given
    return None


def read_text(path: Path, most: int) -> str:
    """The text of a file of annotations, UTF-8 with or without a mark at the start.

    Raises:
        DataError: it cannot be read, is too large, or is no UTF-8.
    """
    try:
        return read_bounded(path, most).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        text = isinstance(error, UnicodeDecodeError)
        advice = "save it as UTF-8" if text else "give a file that can be read"
        raise checks.data_error(str(path), why_unreadable(error), advice) from error


def why_unreadable(error: OSError | ValueError) -> str:
    """What is wrong with a file, in words."""
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)


def read_head(path: Path, most: int) -> bytes:
    """The first bytes of a plain file; none of a pipe, of a device, and where reading fails."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(most)
    except OSError:
        return b""


def shown(name: str) -> str:
    """The name of a file as messages and tables write it."""
    return printable(name)


def _shared_end(image: str, parts: list[str]) -> int:
    own = image.split("/")
    count = 0
    while count < min(len(own), len(parts)) and own[-1 - count] == parts[-1 - count]:
        count += 1
    return count


def _shared_start(image: str, near: str) -> int:
    count = 0
    for one, other in zip(image.split("/"), near.split("/"), strict=False):
        if one != other:
            break
        count += 1
    return count
