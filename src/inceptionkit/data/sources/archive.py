"""Class folders inside a zip or tar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from inceptionkit.data.sources import layout
from inceptionkit.data.sources.layout import Inside, is_image, is_seen
from inceptionkit.data.sources.listing import Listing
from inceptionkit.data.storage import Member
from inceptionkit.data.types import Unusable, set_named
from inceptionkit.text import printable

_DEEPEST = 100  # folders in folders; more is a trick


def arrange(address: str, members: Sequence[Member]) -> Listing:
    """Sort the images of an archive into classes and sets, as those of a folder.

    A folder that holds everything is looked through. Two members of one name count as unusable
    but for the last, which is the one that unpacking would leave; so do names that lead out of
    the archive.

    Raises:
        DataError: there is no image, a class folder holds none, or the layout is not clear.
    """
    places: dict[str, tuple[int, ...]] = {}
    tree = _Tree()
    for path, place, _ in members:
        name = _plain(path)
        if name is None:
            tree.skipped.append(
                Unusable(printable(path), "its path leads out of the archive, or too deep")
            )
        elif name in places:
            tree.skipped.append(
                Unusable(printable(path), "another file has the same name; the last counts")
            )
        if name is not None:
            places[name] = place
    root = _root(places)
    for name in places:
        tree.add(name.removeprefix(root))
    found = layout.arrange(address, tree)
    where = [places[root + name] for name in found.names]
    names = [printable(name) for name in found.names]
    return replace(found, names=names, places=np.array(where, np.int64))


def _plain(path: str) -> str | None:
    """A member's path without detours; None where it leads out, or too deep."""
    parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]
    outside = path.startswith(("/", "\\")) or ".." in parts
    return None if outside or not 0 < len(parts) <= _DEEPEST else "/".join(parts)


def _root(names: Iterable[str]) -> str:
    """The folders that everything lies in, with a slash at the end; never a class, nor a set."""
    seen = [name for name in names if all(map(is_seen, name.split("/"))) and is_image(name)]
    folders = [name.split("/")[:-1] for name in seen]
    root: list[str] = []
    while folders and all(len(parts) > len(root) + 1 for parts in folders):
        heads = {parts[len(root)] for parts in folders}
        if len(heads) > 1 or set_named(head := heads.pop()):
            break
        root.append(head)
    return "".join(f"{part}/" for part in root)


@dataclass(slots=True)
class _Tree:
    """The folders of an archive, as a tree."""

    skipped: list[Unusable] = field(default_factory=list)
    folders: dict[str, list[str]] = field(default_factory=lambda: {"": []})
    images: dict[str, list[str]] = field(default_factory=lambda: {"": []})
    others: dict[str, int] = field(default_factory=dict)

    def add(self, path: str) -> None:
        """Put a file into its folder, and that into its own."""
        if not all(map(is_seen, path.split("/"))):
            return
        place, _, name = path.rpartition("/")
        self._make(place)
        if is_image(name):
            self.images[place].append(path)
        else:
            self.others[place] = self.others.get(place, 0) + 1

    def _make(self, place: str) -> None:
        missing = []
        while place not in self.folders:
            missing.append(place)
            place = place.rpartition("/")[0]
        for inner in reversed(missing):
            self.folders[place].append(inner)
            self.folders[inner], self.images[inner] = [], []
            place = inner

    def look(self, place: str) -> Inside:
        """List one folder."""
        images = sorted(self.images[place])
        return Inside(sorted(self.folders[place]), images, self.others.get(place, 0))

    def walk(self, place: str) -> Iterator[str]:
        """Every image below a folder."""
        todo = [place]
        while todo:
            here = todo.pop()
            todo.extend(self.folders[here])
            yield from self.images[here]
