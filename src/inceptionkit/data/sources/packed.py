"""Images in zips and tars, of which nothing is ever unpacked to a disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data import checks
from inceptionkit.data.sources import archive, index_cache, webdataset
from inceptionkit.data.sources.listing import Listing, sorted_classes
from inceptionkit.data.sources.shards import sets_of
from inceptionkit.data.storage import (
    Container,
    File,
    UnreadableShard,
    each_shard,
    open_container,
)
from inceptionkit.data.storage.file import said
from inceptionkit.data.storage.types import Member, gathered
from inceptionkit.data.types import SETS, Blocks, SampleTable, Unusable, digest, flippable
from inceptionkit.errors import DataError
from inceptionkit.preprocess import UnusableImage


@dataclass(frozen=True, slots=True, eq=False)
class Shard:
    """One zip or tar and what was found in it."""

    container: Container
    found: Listing  # its places are where the bytes of each image are
    damage: tuple[Unusable, ...] = ()  # what is wrong with the file itself


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """Images in one or many zips and tars. Members are read when they are needed."""

    address: str
    classes: tuple[str, ...]
    samples: SampleTable
    allows_flip: bool
    shards: Sequence[Shard]
    starts: NDArray[np.int64]  # index of the first sample of each shard, and the count of samples
    skipped: tuple[Unusable, ...]

    def read(self, index: int) -> bytes:
        """Give the encoded bytes of one image.

        Raises:
            UnusableImage: they are damaged, or the shard cannot be read any more.
        """
        number = int(np.searchsorted(self.starts, index, side="right")) - 1
        shard = self.shards[number]
        place = tuple(shard.found.places[index - int(self.starts[number])].tolist())
        try:
            return shard.container.read(place)
        except OSError as error:
            reason = f"the shard {shard.container.file.name} cannot be read: {said(error)}"
            raise UnusableImage(reason) from error

    @property
    def blocks(self) -> Blocks | None:
        """Runs of samples whose bytes come with one request, or are inflated together."""
        largest = max(shard.container.file.chunk or 0 for shard in self.shards)
        if not largest:
            return None
        begins = [np.array([True])]
        for shard in self.shards:
            number = shard.found.places[:, 0] // (shard.container.file.chunk or 1)
            begins += [np.diff(number) != 0, np.array([True])]
        return Blocks(np.flatnonzero(np.concatenate(begins)[:-1]), largest)

    def fingerprint(self) -> str:
        """SHA-256 over names, labels, sets and sizes of the images."""
        sizes = [shard.found.places[:, 1] for shard in self.shards]
        return digest(self, np.concatenate(sizes).tolist())


def open_packed(address: str, files: Sequence[File]) -> Packed:
    """List the images in zips and tars: of class folders, or in the WebDataset layout.

    A shard that is missing or damaged is listed as unusable, by name.

    Raises:
        DataError: no shard can be read, none holds an image, or their layout is not clear.
    """
    shards, skipped = each_shard(files, look)
    for shard in shards:
        skipped += shard.damage + _named_by_shard(shard, len(files))
    shards = [shard for shard in shards if len(shard.found)]
    if not shards:
        wrong = f"there is no labelled image in it{_first(skipped)}"
        raise checks.data_error(address, wrong, webdataset.LAYOUT)
    names = webdataset.class_names(files[0])
    classes, labels = _merged(address, [shard.found for shard in shards], names)
    samples = SampleTable(_names(shards, len(files)), labels, _sets(address, shards))
    starts = np.cumsum([0, *(len(shard.found) for shard in shards)])
    told = names is not None or not all(map(str.isdecimal, classes))
    allows_flip = not told or flippable(classes)
    return Packed(address, classes, samples, allows_flip, shards, starts, skipped)


def look(file: File) -> Shard:
    """What a zip or tar holds, from the cache if it is known.

    Raises:
        UnreadableShard: it is missing, or nothing in it can be read.
        DataError: its layout is not clear.
    """
    container = open_container(file)
    try:
        identity = file.identity()
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        reason = "is missing" if missing else f"cannot be read ({said(error)})"
        raise UnreadableShard(file.where, reason) from error
    if (known := index_cache.shard(identity)) is not None:
        return Shard(container, known)
    members, damage = gathered(container, webdataset.is_label)
    try:
        found = _arranged(file.where, members)
    except DataError as error:
        if not damage:
            raise
        reason = damage[0].reason.removeprefix("the shard ")
        raise UnreadableShard(file.where, reason) from error
    if not damage:
        index_cache.keep_shard(identity, found, always=file.chunk is not None)
    return Shard(container, found, damage)


def _arranged(where: str, members: Sequence[Member]) -> Listing:
    """The images among the members of one shard, in either layout."""
    if webdataset.is_webdataset(members):
        return webdataset.arrange(members)
    return archive.arrange(where, members)


def _first(skipped: Sequence[Unusable]) -> str:
    return f" ({skipped[0].name}: {skipped[0].reason})" if skipped else ""


def _named_by_shard(shard: Shard, files: int) -> tuple[Unusable, ...]:
    """What could not be listed in a shard, named as its images are."""
    if files == 1:
        return shard.found.skipped
    name = shard.container.file.name
    return tuple(Unusable(f"{name}/{one.name}", one.reason) for one in shard.found.skipped)


def _names(shards: Sequence[Shard], files: int) -> Sequence[str]:
    """Names of all images; the shard's comes first where there are several."""
    if files == 1:
        return shards[0].found.names
    return [f"{shard.container.file.name}/{name}" for shard in shards for name in shard.found.names]


def _sets(address: str, shards: Sequence[Shard]) -> NDArray[np.int8]:
    """The set of each image: its shard's, or that of its folder in the shard."""
    named = sets_of(address, (shard.container.file.name for shard in shards))
    columns = [
        shard.found.sets if number < 0 else np.full(len(shard.found), number, np.int8)
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
) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Classes of all shards, matched by name, and the labels as indices into them."""
    class_names = sorted_classes({word for part in parts for word in part.class_names})
    classes = class_names if names is None else tuple(names)
    index = _numbers(address, class_names, classes)
    labels = [np.array([index[word] for word in p.class_names], np.int32)[p.labels] for p in parts]
    return classes, np.concatenate(labels)


def _numbers(address: str, class_names: Sequence[str], classes: Sequence[str]) -> Mapping[str, int]:
    """The class that each word names, or counts to from 0.

    Raises:
        DataError: a word is neither the name nor the number of a class.
    """
    index = {name: label for label, name in enumerate(classes)}
    for word in class_names:
        if word not in index and word.isdecimal() and int(word) < len(classes):
            index[word] = int(word)
    unknown = [word for word in class_names if word not in index]
    if unknown:
        wrong = f"label {unknown[0]!r} is none of the {len(classes)} classes in the list beside it"
        raise checks.data_error(address, wrong, "complete the list, or remove it")
    return index
