"""Classes of unequal size: seen as a histogram, weighed in the loss, or drawn equally often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inceptionkit.data.loading.images import Images, TrainImages
from inceptionkit.data.loading.streaming import Stream
from inceptionkit.data.rng import random_bits
from inceptionkit.data.transforms.augmentation import Cropping
from inceptionkit.data.types import Unusable

Balance = Literal["none", "loss", "sample"]

UNEQUAL = 3.0  # times as many images in the largest class as in the smallest: worth balancing
SHOWN, WIDTH, NAME = 20, 40, 24  # classes of a histogram; characters of a bar, of a name at most


def class_counts(labels: NDArray[np.integer], classes: int) -> NDArray[np.int64]:
    """How many images each class has."""
    return np.bincount(labels, minlength=classes)


def chosen(counts: NDArray[np.int64]) -> tuple[Balance, str]:
    """What suits classes of these sizes, and why."""
    ratio = counts.max() / max(1, counts.min())
    times = f"the largest class has {ratio:.1f} times the images of the smallest"
    if ratio < UNEQUAL:
        return "none", f"{times}, which needs no balancing"
    return "sample", f"{times}, so that each comes equally often"


def class_weights(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weight of each class in the loss: inverse to its size, 1 for the mean image.

    Sources:
        King, Zeng 2001, doi:10.1093/oxfordjournals.pan.a004868; `class_weight="balanced"` of
        scikit-learn.
    """
    present = counts > 0
    weights: NDArray[np.float64] = np.zeros(len(counts))
    weights[present] = counts.sum() / (present.sum() * counts[present])
    return weights


def balanced(seed: int, epoch: int, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which images an epoch takes so that every class comes equally often.

    An epoch has as many images as there are. Of a class, no image comes again before all others
    have come, whatever epochs they fall into.

    Args:
        seed: of the run.
        epoch: counted from 0.
        labels: (images,).

    Returns:
        (images,) numbers, not in random order: the image is the number modulo the count of images,
        and another number of the same image stands for another draw of its augmentation.
    """
    count, present = len(labels), np.unique(labels)
    quotas = count // len(present) + (np.arange(len(present)) < count % len(present))
    taken = [
        _next(seed, epoch, np.flatnonzero(labels == label), int(quota), count)
        for label, quota in zip(present, quotas, strict=True)
    ]
    return np.concatenate(taken)


def _next(
    seed: int, epoch: int, own: NDArray[np.int64], quota: int, count: int
) -> NDArray[np.int64]:
    """The next `quota` images of one class, from where the epoch before ended."""
    turn, place = np.divmod(np.arange(epoch * quota, (epoch + 1) * quota), len(own))
    picked = np.empty(quota, np.int64)
    for one in np.unique(turn):  # each turn goes through the class in an order of its own
        shuffled = own[np.argsort(random_bits(seed, int(one), own, "turn"), kind="stable")]
        picked[turn == one] = shuffled[place[turn == one]]
    numbers: NDArray[np.int64] = picked + count * (turn - turn[:1])
    return numbers


class Balanced:
    """Training images of which each class comes equally often.

    Its indices are the numbers that `balanced` gives.
    """

    def __init__(self, images: Images | Stream) -> None:
        """Draw from `images`."""
        self.images = images
        self.labels = images.labels
        self.names = _Repeated(images.names, len(images))

    def __len__(self) -> int:
        return len(self.images)

    def order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """What an epoch takes, in the order that suits where the images are."""
        taken = balanced(seed, epoch, self.labels.numpy())
        taken = taken[np.argsort(taken % len(self), kind="stable")]
        return taken[self.images.order(seed, epoch, taken % len(self))]

    def expect(self, batches: Sequence[NDArray[np.int64]], cropping: Cropping) -> None:
        """Hear which crops will be asked for."""
        self.images.expect(batches, cropping)

    def crops(
        self, indices: NDArray[np.int64], cropping: Cropping, device: str
    ) -> tuple[Tensor, Tensor]:
        """Crops and labels of some images."""
        return self.images.crops(indices, cropping, device)

    def found(self) -> Sequence[Unusable]:
        """Images that turned out to be unusable since training began."""
        return self.images.found()


def balance(
    how: Balance, train: Images | Stream, classes: int
) -> tuple[TrainImages, Tensor | None]:
    """The images as an epoch takes them, and the weights of their classes in the loss."""
    match how:
        case "none":
            return train, None
        case "loss":
            counts = class_counts(train.labels.numpy(), classes)
            return train, torch.from_numpy(class_weights(counts))
        case "sample":
            return Balanced(train), None


class _Repeated:
    """Values that go on from the start: the one after the last is the first."""

    def __init__(self, values: Any, count: int) -> None:  # noqa: ANN401 - a list or an array
        self.values, self.count = values, count

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401 - a number or many
        return self.values[index % self.count]


def histogram(classes: Sequence[str], counts: NDArray[np.int64]) -> str:
    """Sizes of the classes as bars, the largest first; of many, the largest and the smallest.

    >>> print(histogram(["ape", "bee"], np.array([2, 40])))
    bee  ########################################  40
    ape  ##                                         2
    """
    order = np.argsort(-counts, kind="stable").tolist()
    gap = len(order) - SHOWN
    shown = order if gap <= 0 else [*order[: SHOWN // 2], *order[-SHOWN // 2 :]]
    name = min(NAME, max(len(classes[at]) for at in shown))
    digits = max(len(f"{counts[at]:,}") for at in shown)
    lines = [
        f"{classes[at][:NAME]:{name}}  {'#' * _bar(counts, at):{WIDTH}}  {counts[at]:>{digits},}"
        for at in shown
    ]
    if gap > 0:
        lines.insert(SHOWN // 2, f"... {gap:,} classes between ...")
    return "\n".join(lines)


def _bar(counts: NDArray[np.int64], at: int) -> int:
    return max(int(counts[at] > 0), round(WIDTH * int(counts[at]) / max(1, int(counts.max()))))
