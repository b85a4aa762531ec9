"""The training, validation and test images of a run, from the address of a dataset on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from inceptionkit.data import checks
from inceptionkit.data.loading.in_memory import Images, TrainImages
from inceptionkit.data.loading.read import (
    DecodedSamples,
    OnDecoded,
    Shape,
    Survey,
    at_depth,
    decode_samples,
    survey,
)
from inceptionkit.data.loading.sampling import WINDOW_BYTES, balanced_order, class_weights
from inceptionkit.data.loading.streaming import Stream
from inceptionkit.data.loading.unkept import ScoredImages, UnkeptImages, UnkeptPixels, corner
from inceptionkit.data.open import open_dataset
from inceptionkit.data.split import DuplicateGroups, Sets, require_trainable, split_dataset
from inceptionkit.data.transforms.augmentation import Balance, Cropping
from inceptionkit.data.types import BUILT_IN, DataAddress, Dataset, Unusable
from inceptionkit.errors import DataError
from inceptionkit.preprocess import Preprocessing
from inceptionkit.progress import Listener, Progress
from inceptionkit.text import size

TRAIN_MEMORY = 3 * 2**30  # bytes that the training images may take; val and test, half of it each
_MOST_PARTS = 64  # times that an epoch reads a dataset; more is slower than repacking it
_ENLARGED = 2  # a stored side is at most so many times the input's: small crops keep their detail


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitDataset:
    """A dataset and its division into sets."""

    dataset: Dataset
    sets: Sets
    sizes: Survey
    address: str  # absolute, remote, or a built-in word
    train_counts: NDArray[np.int64]  # of each class, before near-duplicates were found
    fingerprint: str = ""  # of the dataset, where a run keeps it
    duplicate_groups: DuplicateGroups = ()  # near-duplicates that were kept in one set
    allows_flip: bool | None = None  # as the names and the images say, where they were looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSets:
    """The images of a run, each set in memory if it fits."""

    train: Images | Stream
    val: ScoredImages
    test: ScoredImages
    unusable: tuple[Unusable, ...]
    content: str = ""  # SHA-256 over the files, of a stream's over some: others have another

    @property
    def scored(self) -> ScoredImages:
        """The set that decides the final scores: test if there is one, otherwise val."""
        return self.test if len(self.test) else self.val


def open_and_split(
    data: DataAddress, *, seed: int, duplicate_groups: DuplicateGroups = ()
) -> SplitDataset:
    """Open a dataset, check what can be checked before decoding, and divide it.

    Args:
        data: its address, or how it is read, too.
        seed: of the division.
        duplicate_groups: near-duplicates, where they are known.

    Raises:
        DataError: nothing is there, or it is no labeled set of images that can be trained on.
    """
    dataset = open_dataset(data)
    fingerprint = dataset.fingerprint()
    sets = split_dataset(dataset, seed, duplicate_groups=duplicate_groups)
    train_counts = require_trainable(dataset, sets)
    sizes = survey(dataset)
    path = Path(address := dataset.address).expanduser()
    elsewhere = "://" in address or (address in BUILT_IN and not path.exists())
    return SplitDataset(
        dataset=dataset if sizes.depth == 16 else at_depth(dataset, sizes.depth),
        sets=sets,
        sizes=sizes,
        address=address if elsewhere else str(path.resolve()),
        train_counts=train_counts,
        fingerprint=fingerprint,
        duplicate_groups=duplicate_groups,
    )


def load_sets(
    opened: SplitDataset,
    preprocessing: Preprocessing,
    *,
    workers: int,
    strict: bool,
    listener: Listener,
    on_decoded: OnDecoded | None = None,
) -> LoadedSets:
    """Decode every image once, or training images as they are needed; leave out what is unusable.

    Validation and test images are prepared as in use; a set of them that does not fit into memory
    is decoded here too, so that what is unusable is known, and again to be scored. Training images
    keep what crops are cut from: their own size if all have the same, else a square, in which a
    crop knows the original's aspect.
    `on_decoded` sees each image as it was decoded, in several threads at once.

    Raises:
        DataError: train has no usable image of a class, val or test has none at all, or `strict`
            and an image is not usable.
    """
    dataset, sets, unusable = opened.dataset, opened.sets, list(opened.dataset.skipped)
    if unusable:
        more = f"; and {len(unusable) - 5:,} more" if len(unusable) > 5 else ""
        shown = "; ".join(f"{skipped.name} ({skipped.reason})" for skipped in unusable[:5])
        listener.say(f"skipped: {shown}{more}")
    if strict and unusable:
        raise _unusable_error(dataset, unusable)
    stored = stored_size(opened, preprocessing.size)
    most_kept = TRAIN_MEMORY // (6 * preprocessing.size**2)  # as `fits` says
    total = len(sets.val) + len(sets.test) + (len(sets.train) if stored.in_memory else 0)
    done, content = 0, np.zeros(len(dataset.samples.labels), np.uint64)

    def decode(indices: NDArray[np.int64], shape: Shape, *, every_class: bool) -> DecodedSamples:
        nonlocal done
        tick = partial(Progress, what="reading images", total=total)
        decoded = decode_samples(
            dataset,
            indices,
            shape,
            workers,
            lambda count: listener.progress(tick(done=done + count)),
            on_decoded=on_decoded,
        )
        done += len(indices)
        content[decoded.indices] = decoded.hashes[:, 0]
        if decoded.unusable:
            checks.require_usable(
                dataset, indices, decoded.indices, decoded.unusable, every_class=every_class
            )
            unusable.extend(decoded.unusable)
        return decoded

    train: Images | Stream
    if stored.in_memory:
        shape = partial(resized, height=stored.height, width=stored.width)
        train = image_set(dataset, decode(sets.train, shape, every_class=True), preprocessing.size)
    else:
        train = Stream(dataset, sets.train, workers=workers, strict=strict)
        _describe_stream(train, stored, listener)
    val, test = (
        image_set(
            dataset, decode(indices, preprocessing.fit, every_class=False), preprocessing.size
        )
        if len(indices) <= most_kept
        else unkept(
            dataset, decode(indices, corner, every_class=False), preprocessing, workers, listener
        )
        for indices in (sets.val, sets.test)
    )
    if strict and unusable:
        raise _unusable_error(dataset, unusable)
    if isinstance(train, Stream):
        some, hashes = train.sample()
        content[some] = hashes
    return LoadedSets(
        train=train,
        val=val,
        test=test,
        unusable=tuple(unusable),
        content=hashlib.sha256(content.tobytes()).hexdigest(),
    )


def _describe_stream(train: Stream, stored: StoredSize, listener: Listener) -> None:
    """Report what is streamed and why, and what it costs that neighbors are of one class.

    Raises:
        DataError: that costs too much.
    """
    needed = 3 * len(train) * stored.height * stored.width
    listener.say(
        f"{len(train):,} training images of {stored.width}x{stored.height} px would take "
        f"{size(needed)}, more than the {size(TRAIN_MEMORY)} that are used: {train.workers} "
        "workers read them as they are needed"
    )
    where, largest, parts = train.dataset.address, train.largest_block, train.parts
    if largest > WINDOW_BYTES:
        listener.say(
            f"{where}: a row group of {size(largest)} exceeds the {size(WINDOW_BYTES)} that are "
            f"used, so an epoch reads it {-(-largest // WINDOW_BYTES)} times; write smaller ones"
        )
    if parts < 2:
        return
    wrong = f"its images are sorted by class, so an epoch reads it {parts} times to mix them"
    advice = (
        "shuffle them before you pack them, or give a folder, or a .tar or .zip on this machine"
    )
    if parts > _MOST_PARTS:
        raise checks.data_error(where, wrong, advice)
    listener.say(f"{where}: {wrong}; {advice}")


def _unusable_error(dataset: Dataset, unusable: Sequence[Unusable]) -> DataError:
    first = unusable[0]
    return DataError(
        f"{dataset.address}: {len(unusable)} images are not usable, the first is "
        f"{first.name} ({first.reason}); repair or delete them, or run without --strict"
    )


def fits(count: int, side: int) -> bool:
    """Whether so many images of val or test are kept in memory."""
    return 3 * count * side**2 <= TRAIN_MEMORY // 2


def unkept(
    dataset: Dataset, decoded: DecodedSamples, how: Preprocessing, threads: int, listener: Listener
) -> UnkeptImages:
    """A set of images that could be decoded, and are decoded again when they are scored; say so."""
    needed = size(3 * len(decoded.indices) * how.size**2)
    listener.say(
        f"{len(decoded.indices):,} images to score would take {needed}, more than the "
        f"{size(TRAIN_MEMORY // 2)} that are used: they are decoded each time"
    )
    found = image_set(dataset, decoded, how.size)
    pixels = UnkeptPixels(dataset, decoded.indices, how.fit, threads)
    return UnkeptImages(pixels, found.labels, found.shape, found.names, found.hashes)


def image_set(dataset: Dataset, loaded: DecodedSamples, side: int) -> Images:
    """Turn what was read into a set."""
    pixels = torch.from_numpy(loaded.pixels).permute(0, 3, 1, 2)
    if not len(loaded.indices):
        pixels = torch.zeros((0, 3, side, side), dtype=torch.uint8)
    labels = dataset.samples.labels[loaded.indices].astype(np.int64)
    shape = loaded.sizes[:, 1] / np.maximum(1, loaded.sizes[:, 0])
    names = dataset.samples.names
    return Images(
        pixels,
        torch.from_numpy(labels),
        shape.astype(np.float64),
        tuple(names[i] for i in loaded.indices.tolist()),
        loaded.hashes,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSize:
    """The size at which training images are kept, and whether all of them are kept."""

    height: int
    width: int
    in_memory: bool


def stored_size(opened: SplitDataset, side: int) -> StoredSize:
    """How training images are kept: in memory if they fit at the input's own size, at least."""
    uniform, count = opened.sizes.uniform, len(opened.sets.train)
    affordable = int((TRAIN_MEMORY / (3 * count)) ** 0.5)
    wanted = min(_ENLARGED * side, max(side, opened.sizes.median))
    height, width = wanted, wanted
    if uniform and max(uniform) <= max(_ENLARGED * side, 32):
        height, width = uniform
    if max(height, width) > affordable:
        smaller = min(wanted, affordable)
        if smaller < min(side, opened.sizes.smallest):
            return StoredSize(height=height, width=width, in_memory=False)
        height, width = smaller, smaller
    return StoredSize(height=height, width=width, in_memory=True)


def resized(image: NDArray[np.uint8], *, height: int, width: int) -> NDArray[np.uint8]:
    """Resize to exactly this size, whatever the aspect; an image that has it stays as it is."""
    if image.shape[:2] == (height, width):
        return image
    small = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(small)


class Balanced:
    """Training images of which each class comes equally often.

    Its indices are the numbers that `balanced_order` gives.
    """

    def __init__(self, images: Images | Stream) -> None:
        self.images = images
        self.labels = images.labels
        self.names = _Repeated(images.names, len(images))

    def __len__(self) -> int:
        return len(self.images)

    def order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        taken = balanced_order(seed, epoch, self.labels.numpy())
        taken = taken[np.argsort(taken % len(self), kind="stable")]
        return taken[self.images.order(seed, epoch, taken % len(self))]

    def expect(self, batches: Sequence[NDArray[np.int64]], cropping: Cropping) -> None:
        self.images.expect(batches, cropping)

    def crops(
        self, indices: NDArray[np.int64], cropping: Cropping, device: str
    ) -> tuple[Tensor, Tensor]:
        return self.images.crops(indices, cropping, device)

    def unusable(self) -> Sequence[Unusable]:
        return self.images.unusable()


def balance(
    how: Balance, train: Images | Stream, classes: int
) -> tuple[TrainImages, Tensor | None]:
    """The images as an epoch takes them, and the weights of their classes in the loss."""
    match how:
        case "none":
            return train, None
        case "loss":
            counts = np.bincount(train.labels.numpy(), minlength=classes)
            return train, torch.from_numpy(class_weights(counts))
        case "sample":
            return Balanced(train), None


class _Repeated:
    """Values that start again: the first follows the last."""

    def __init__(self, values: Any, count: int) -> None:  # noqa: ANN401 - a list or an array
        self.values, self.count = values, count

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401 - a number or many
        return self.values[index % self.count]
