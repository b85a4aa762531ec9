"""Images in zips and tars, which are never unpacked to a disk: class folders, or WebDataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data import checks
from inceptionkit.data.flip_names import flippable
from inceptionkit.data.sources import index_cache, webdataset
from inceptionkit.data.sources.arrange import arrange
from inceptionkit.data.sources.layout import (
    FolderContent,
    Listing,
    count_left_out,
    is_image,
    is_seen,
    may_be_image,
    sorted_classes,
)
from inceptionkit.data.storage import Container, File, Member, UnreadableShard, each_shard
from inceptionkit.data.storage.file import reason_of
from inceptionkit.data.storage.open import open_container, shard_sets
from inceptionkit.data.storage.types import gathered
from inceptionkit.data.storage.zip import Zip, is_encrypted
from inceptionkit.data.types import (
    SETS,
    Blocks,
    SampleTable,
    Unusable,
    digest,
)
from inceptionkit.errors import DataError
from inceptionkit.preprocess import UnusableImage, looks_like_image
from inceptionkit.text import printable

_DEEPEST = 100  # folders in folders; more is a trick


@dataclass(frozen=True, slots=True, eq=False)
class _Shard:
    """One zip or tar and the images in it."""

    container: Container
    listing: Listing  # its places are where the bytes of each image are
    damage: tuple[Unusable, ...] = ()  # what is wrong with the file itself


@dataclass(frozen=True, slots=True, eq=False)
class Archives:
    """Images in one or many zips and tars. Members are read when they are needed."""

    address: str
    classes: tuple[str, ...]
    samples: SampleTable
    allows_flip: bool
    shards: Sequence[_Shard]
    starts: NDArray[np.int64]  # index of the first sample of each shard, and the count of samples
    skipped: tuple[Unusable, ...]
    notes: tuple[str, ...] = ()

    def read(self, index: int) -> bytes:
        number = int(np.searchsorted(self.starts, index, side="right")) - 1
        shard = self.shards[number]
        place = tuple(shard.listing.places[index - int(self.starts[number])].tolist())
        try:
            return shard.container.read(place)
        except OSError as error:
            reason = f"the shard {shard.container.file.name} cannot be read: {reason_of(error)}"
            raise UnusableImage(reason) from error

    @property
    def blocks(self) -> Blocks | None:
        """Runs of samples whose bytes come with one request, or are inflated together."""
        if not any(shard.container.file.chunk for shard in self.shards):
            return None
        begins = [np.array([True])]
        for shard in self.shards:
            number = shard.listing.places[:, 0] // (shard.container.file.chunk or 1)
            begins += [np.diff(number) != 0, np.array([True])]
        return Blocks(np.flatnonzero(np.concatenate(begins)[:-1]), self._sizes)

    @property
    def files(self) -> Iterator[tuple[File, int]]:
        """The file of each shard, and how many samples it holds."""
        counts = np.diff(self.starts).tolist()
        return zip((s.container.file for s in self.shards), counts, strict=True)

    @property
    def _sizes(self) -> NDArray[np.int64]:
        """Bytes of each image."""
        return np.concatenate([shard.listing.places[:, 1] for shard in self.shards])

    def fingerprint(self) -> str:
        """SHA-256 over names, labels, sets and sizes of the images."""
        return digest(self, self._sizes.tolist())


def open_archives(address: str, files: Sequence[File]) -> Archives:
    """List the images in zips and tars: of class folders, or in the WebDataset layout.

    A shard that is missing or damaged is listed as unusable, by name.

    Raises:
        DataError: no shard can be read, none holds an image, or their layout is not clear.
    """
    shards, skipped = each_shard(files, _open_shard)
    for shard in shards:
        skipped += shard.damage + _named_by_shard(shard, len(files))
    shards = [shard for shard in shards if len(shard.listing)]
    if not shards:
        first = f" ({skipped[0].name}: {skipped[0].reason})" if skipped else ""
        wrong = f"it contains no labeled image{first}"
        raise checks.data_error(address, wrong, webdataset.LAYOUT)
    names = webdataset.class_names(files[0])
    classes, labels, left_out = _merged(address, [shard.listing for shard in shards], names)
    samples = SampleTable(_names(shards, len(files)), labels, _sets(address, shards))
    starts = np.cumsum([0, *(len(shard.listing) for shard in shards)])
    named = names is not None or not all(map(str.isdecimal, classes))
    allows_flip = not named or flippable(classes)
    said = dict.fromkeys(note for shard in shards for note in shard.listing.notes)
    notes = (*said, *left_out, *checks.similar_names(classes))
    return Archives(address, classes, samples, allows_flip, shards, starts, skipped, notes)


def _open_shard(file: File) -> _Shard:
    """What a zip or tar holds, from the cache if it is known."""
    container = open_container(file)
    try:
        identity = file.identity()
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        reason = "is missing" if missing else f"cannot be read ({reason_of(error)})"
        raise UnreadableShard(file.where, reason) from error
    if (known := index_cache.shard(identity)) is not None:
        return _Shard(container, known)
    members, damage = gathered(container, webdataset.is_label)
    if isinstance(container, Zip) and all(is_encrypted(member.place) for member in members):
        advice = "unpack it with its password, or pack it without one"
        raise checks.data_error(file.where, "it is encrypted", advice)
    try:
        if webdataset.is_webdataset(members):
            listing = webdataset.arrange(members)
        else:
            listing = _arrange(file.where, members, container)
    except DataError as error:
        if not damage:
            raise
        reason = damage[0].reason.removeprefix("the shard ")
        raise UnreadableShard(file.where, reason) from error
    if not damage:
        index_cache.keep_shard(identity, listing, always=file.chunk is not None)
    return _Shard(container, listing, damage)


def _named_by_shard(shard: _Shard, files: int) -> tuple[Unusable, ...]:
    """What could not be listed in a shard, named as its images are."""
    if files == 1:
        return shard.listing.skipped
    name = shard.container.file.name
    return tuple(Unusable(f"{name}/{image.name}", image.reason) for image in shard.listing.skipped)


def _names(shards: Sequence[_Shard], files: int) -> Sequence[str]:
    """Names of all images; the shard's comes first where there are several."""
    if files == 1:
        return shards[0].listing.names
    return [
        f"{shard.container.file.name}/{name}" for shard in shards for name in shard.listing.names
    ]


def _sets(address: str, shards: Sequence[_Shard]) -> NDArray[np.int8]:
    """The set of each image: its shard's, or that of its folder in the shard."""
    named = shard_sets(address, (shard.container.file.name for shard in shards))
    columns = [
        shard.listing.sets if number < 0 else np.full(len(shard.listing), number, np.int8)
        for number, shard in zip(named, shards, strict=True)
    ]
    sets = np.concatenate(columns)
    if -1 in sets and sets.max() >= 0:
        first = SETS[int(sets.max())]
        wrong = f"some shards are divided into sets, such as {first}, and others are not"
        raise checks.data_error(address, wrong, "divide all, or none")
    return sets


def _merged(
    address: str, parts: Sequence[Listing], names: Sequence[str] | None
) -> tuple[tuple[str, ...], NDArray[np.int32], tuple[str, ...]]:
    """Classes of all shards, matched by name, the labels as indices into them, and notes."""
    class_names = sorted_classes({name for part in parts for name in part.class_names})
    classes = class_names if names is None else tuple(names)
    index = _numbers(address, class_names, classes)
    labels = np.concatenate(
        [np.array([index[name] for name in p.class_names], np.int32)[p.labels] for p in parts]
    )
    return checks.with_images(classes, labels)


def _numbers(address: str, class_names: Sequence[str], classes: Sequence[str]) -> Mapping[str, int]:
    """The class that each label names, or counts to from 0."""
    index = {name: label for label, name in enumerate(classes)}
    for word in class_names:
        if word not in index and word.isdecimal() and int(word) < len(classes):
            index[word] = int(word)
    unknown = [word for word in class_names if word not in index]
    if unknown:
        wrong = f"label {unknown[0]!r} is none of the {len(classes)} classes in the list beside it"
        raise checks.data_error(address, wrong, "complete the list, or remove it")
    return index


def _arrange(address: str, members: Sequence[Member], container: Container) -> Listing:
    """Sort the images of an archive into classes and sets, as those of a folder.

    Two members of one name count as unusable
    but for the last, which is the one that unpacking would leave; so do names that lead out of
    the archive.
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
                Unusable(printable(path), "another file has the same name; the last one is used")
            )
        if name is not None:
            places[name] = place
    for name, place in places.items():
        tree.add(name, image=is_image(name) or _begins_like_image(name, place, container))
    listing = arrange(address, tree)
    where = [places[listing.root + name] for name in listing.names]
    names = [printable(name) for name in listing.names]
    return replace(listing, names=names, places=np.array(where, np.int64))


def _plain(path: str) -> str | None:
    """A member's path without detours; None where it leads out, or too deep."""
    parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]
    outside = path.startswith(("/", "\\")) or ".." in parts
    return None if outside or not 0 < len(parts) <= _DEEPEST else "/".join(parts)


def _begins_like_image(name: str, place: tuple[int, ...], container: Container) -> bool:
    """Whether a member whose name does not tell begins like an image."""
    if not may_be_image(name) or not all(map(is_seen, name.split("/"))):
        return False
    try:
        return looks_like_image(container.read(place)[:32])
    except (OSError, UnusableImage):
        return False


@dataclass(slots=True)
class _Tree:
    """The folders of an archive, as a tree."""

    skipped: list[Unusable] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    folders: dict[str, list[str]] = field(default_factory=lambda: {"": []})
    images: dict[str, list[str]] = field(default_factory=lambda: {"": []})
    others: dict[str, list[str]] = field(default_factory=lambda: {"": []})

    def add(self, path: str, *, image: bool) -> None:
        if not all(map(is_seen, path.split("/"))):
            return
        place, _, name = path.rpartition("/")
        self._make(place)
        if image:
            self.images[place].append(path)
        else:
            self.others[place].append(path)
            count_left_out(self.left_out, name)

    def _make(self, place: str) -> None:
        missing = []
        while place not in self.folders:
            missing.append(place)
            place = place.rpartition("/")[0]
        for inner in reversed(missing):
            self.folders[place].append(inner)
            self.folders[inner], self.images[inner], self.others[inner] = [], [], []
            place = inner

    def list_folder(self, place: str) -> FolderContent:
        images = sorted(self.images[place])
        return FolderContent(sorted(self.folders[place]), images, sorted(self.others[place]))

    def walk(self, place: str) -> Iterator[str]:
        todo = [place]
        while todo:
            here = todo.pop()
            todo.extend(self.folders[here])
            yield from self.images[here]
