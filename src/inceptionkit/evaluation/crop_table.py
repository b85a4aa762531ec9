"""`evaluate --crops`, and several models at once: the papers' tables of models and crops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from inceptionkit import records
from inceptionkit.data import DataAddress, Dataset, decode_samples, open_dataset
from inceptionkit.data.loading.read import at_depth
from inceptionkit.derive import cost
from inceptionkit.errors import WeightsError
from inceptionkit.evaluation.classifier import Classifier, load
from inceptionkit.evaluation.confidence import Paired, paired
from inceptionkit.evaluation.early_exit import RunToTheEnd
from inceptionkit.evaluation.evaluate import Evaluation, score
from inceptionkit.evaluation.held_out import class_numbers, none_usable, test_samples
from inceptionkit.evaluation.inference import predict_with_early_exit
from inceptionkit.evaluation.multi_crop import AS_IN_USE, Protocol, cut
from inceptionkit.machine import cores
from inceptionkit.progress import Listener, Progress, Silence

AT_ONCE = 2**27  # bytes of crops that are held at once


@dataclass(frozen=True, slots=True)
class CropRow:
    """One line of the table."""

    models: tuple[str, ...]  # whose probabilities are averaged
    crops: str  # name of the protocol
    crop_count: int
    top1_error: float
    top5_error: float | None  # None with five classes or fewer
    cost: float  # in single crops of the first model


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelComparison:
    """A model beside the first one, image by image."""

    model: str
    paired: Paired  # the first model is the first of the two


@dataclass(frozen=True, slots=True, kw_only=True)
class CropStudy:
    """Models and crops on the same images."""

    evaluation: Evaluation  # of all models together, with the last protocol
    rows: tuple[CropRow, ...]
    against_first: tuple[ModelComparison, ...]  # the other models, each with the last protocol

    def to_json(self) -> dict[str, Any]:
        """The keys that `evaluate --crops --json` promises."""
        more = {"rows": self.rows, "against_first": self.against_first}
        return self.evaluation.to_json() | cast(dict[str, Any], records.to_json(more))


def evaluate_crops(
    models: Sequence[str | Path],
    data: DataAddress,
    *,
    crops: Sequence[Protocol] = (AS_IN_USE,),
    listener: Listener | None = None,
) -> CropStudy:
    """Score models, alone and together, on many crops of each image.

    Args:
        models: folders of models or runs, all with the same classes.
        data: labeled images, as `evaluate` takes them; what one model has seen is not scored.
        crops: protocols.
        listener: hears how far it is.

    Raises:
        WeightsError: a model is missing or damaged, or has other classes than the first.
        DataError: as `evaluate` raises.
    """
    listener = listener or Silence()
    began = monotonic()
    classifiers = [load(model) for model in models]
    same_classes(classifiers, [str(model) for model in models])
    dataset = open_dataset(data)
    cards = [classifier.card for classifier in classifiers]
    selection = test_samples(cards, dataset, listener, keep=False)
    listener.say(f"scoring {len(selection.indices):,} images: {selection.why}")
    table = Table(classifiers, [str(model) for model in models], dataset, listener)
    for protocol in crops:
        for number in range(len(classifiers)):
            table.score(number, protocol, selection.indices)
    classes = classifiers[0].card.classes
    evaluation = Evaluation(
        scores=score(table.together(crops[-1]), table.labels, classes),
        which=selection.why,
        unusable=len(selection.indices) - len(table.labels),
        exits={},
        mean_macs=sum(table.macs) * crops[-1].count,
        seconds=monotonic() - began,
    )
    return CropStudy(
        evaluation=evaluation,
        rows=tuple(table.rows(crops)),
        against_first=table.against_first(crops[-1]),
    )


def same_classes(classifiers: Sequence[Classifier], names: Sequence[str]) -> None:
    """Refuse models that tell other classes apart.

    Raises:
        WeightsError: one has a class that another has not.
    """
    first = set(classifiers[0].card.classes)
    for name, classifier in zip(names, classifiers, strict=True):
        differ = sorted(first ^ set(classifier.card.classes))
        if differ:
            msg = (
                f"{name}: has other classes than {names[0]}, first {differ[0]!r}; "
                "average models that were trained on the same classes"
            )
            raise WeightsError(msg)


class Table:
    """What each model says of each image with each protocol."""

    def __init__(
        self,
        classifiers: Sequence[Classifier],
        names: Sequence[str],
        dataset: Dataset,
        listener: Listener,
    ) -> None:
        self.classifiers = classifiers
        self.names = names
        self.dataset = dataset
        self.listener = listener
        self.macs = [cost(c.card.architecture).without_exits.macs for c in classifiers]
        self.labels = np.zeros(0, np.int64)  # (images,), as the first model numbers them
        self.probabilities: dict[tuple[int, str], NDArray[np.float32]] = {}

    def score(self, number: int, protocol: Protocol, indices: NDArray[np.int64]) -> None:
        """Average the crops of every image: (images, classes) in the first model's order.

        Raises:
            DataError: none of the images is usable.
        """
        classifier = self.classifiers[number]
        own = {name: i for i, name in enumerate(classifier.card.classes)}
        order = [own[name] for name in self.classifiers[0].card.classes]
        found, kept = [], []
        size = classifier.card.preprocessing.size
        step = max(1, AT_ONCE // (3 * size * size * protocol.count))
        for start in range(0, len(indices), step):
            some = indices[start : start + step]
            probabilities, usable = cropped(classifier, self.dataset, some, protocol)
            found.append(probabilities[:, order])
            kept.append(usable)
            what = f"{protocol.name} crops" if protocol.count > 1 else "scoring"
            done = start + len(some)
            self.listener.progress(Progress(what=what, done=done, total=len(indices)))
        used = np.concatenate(kept)
        if not len(used):
            raise none_usable(self.dataset, len(indices))
        numbers = class_numbers(self.classifiers[0].card, self.dataset).numpy()
        self.labels = numbers[self.dataset.samples.labels[used]]
        self.probabilities[number, protocol.name] = np.concatenate(found)

    def together(self, protocol: Protocol) -> NDArray[np.float32]:
        """Mean probabilities of all models."""
        return self.mean(range(len(self.names)), protocol)

    def mean(self, models: Sequence[int], protocol: Protocol) -> NDArray[np.float32]:
        """Mean probabilities of some models."""
        every = np.stack([self.probabilities[number, protocol.name] for number in models])
        found: NDArray[np.float32] = every.mean(0)
        return found

    def rows(self, crops: Sequence[Protocol]) -> list[CropRow]:
        """Each model alone, then all together, with each protocol."""
        alone: list[Sequence[int]] = [(number,) for number in range(len(self.names))]
        groups = alone if len(self.names) == 1 else [*alone, range(len(self.names))]
        return [self.row(group, protocol) for group in groups for protocol in crops]

    def row(self, models: Sequence[int], protocol: Protocol) -> CropRow:
        """One line."""
        classes = self.classifiers[0].card.classes
        scores = score(self.mean(models, protocol), self.labels, classes)
        work = sum(self.macs[number] for number in models) * protocol.count
        return CropRow(
            models=tuple(self.names[number] for number in models),
            crops=protocol.name,
            crop_count=protocol.count,
            top1_error=1 - scores.top1,
            top5_error=None if scores.top5 is None else 1 - scores.top5,
            cost=work / self.macs[0],
        )

    def against_first(self, protocol: Protocol) -> tuple[ModelComparison, ...]:
        """Every other model beside the first, image by image."""
        right = [
            self.probabilities[number, protocol.name].argmax(1) == self.labels
            for number in range(len(self.names))
        ]
        return tuple(
            ModelComparison(model=name, paired=paired(right[0], other))
            for name, other in zip(self.names[1:], right[1:], strict=True)
        )


def cropped(
    classifier: Classifier, dataset: Dataset, indices: NDArray[np.int64], protocol: Protocol
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Mean probabilities over the crops of each usable image, and which images these are."""
    how = classifier.card.preprocessing

    def column(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return cut(image, protocol, how).reshape(-1, how.size, 3)

    loaded = decode_samples(at_depth(dataset, how.depth), indices, column, cores())
    if not len(loaded.indices):
        return np.zeros((0, len(classifier.card.classes)), np.float32), loaded.indices
    views = torch.from_numpy(loaded.pixels.reshape(-1, how.size, how.size, 3)).permute(0, 3, 1, 2)
    of_views = predict_with_early_exit(classifier.model, views, how, RunToTheEnd()).probabilities
    return of_views.reshape(len(loaded.indices), protocol.count, -1).mean(1), loaded.indices
