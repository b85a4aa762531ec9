"""A model and its preprocessing, whatever runs it: images in, predictions out. No torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol, Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inceptionkit.errors import DataError, WeightsError
from inceptionkit.evaluation.early_exit import AnyPolicy, confidence, gated, of_model
from inceptionkit.model import Card, ExitPolicy
from inceptionkit.preprocess import as_rgb
from inceptionkit.spec import ordered_exits
from inceptionkit.text import printable, shorten

AnImage: TypeAlias = str | Path | bytes | Image.Image | NDArray[np.uint8]
Pixels: TypeAlias = NDArray[np.uint8]


class _Batch(Protocol):
    """Images or features of them, of numpy or of torch."""

    def __len__(self) -> int: ...

    def __getitem__(self, kept: NDArray[np.bool_]) -> Self: ...


X = TypeVar("X", bound=_Batch)
# From features and a temperature: the probabilities of the stage's classifier, and what the next
# stage takes.
Stage: TypeAlias = Callable[[X, float], tuple[NDArray[np.float32], X]]
Stages: TypeAlias = Mapping[str, Stage[Any]]  # an exit, or "main" -> from the stage before to there
TOP = 5  # labels of a prediction, unless others are asked for
Cut: TypeAlias = Callable[[tuple[str, ...]], Stages]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says of one image."""

    label: str
    probability: float
    exit: str  # which classifier answered: "main", or an exit
    ms: float  # from the decoded image to the answer; of several at once, the share of each
    top: tuple[tuple[str, float], ...]  # the most probable labels, with probability


@dataclass(eq=False, repr=False)
class Predictor:
    """A model and its preprocessing, whatever runs it.

    Any number of threads may use it. A process that forks leaves the engine's threads behind; the
    new process loads the model again. So does a process that it is sent to.

    Attributes:
        card: what the model folder says of it.
        stages: cuts the network at exits, and gives the stages that end at these and at main.
        prepare: makes of an image, (height, width, 3), what the network takes.
        batch: images that `predict` answers at once.
        reload: loads it again; None if it was not loaded.
        process: in which its engine runs.
        engine: that runs it: "openvino", "onnxruntime" or "torch".
        tensors: its weights, as they were read; None if it is an export.
    """

    card: Card
    stages: Cut
    prepare: Callable[[Pixels], Pixels]
    batch: int = 1
    reload: Callable[[], Predictor] | None = None
    process: int = field(default_factory=os.getpid)
    engine: str = "torch"
    tensors: Mapping[str, NDArray[Any]] | None = None

    def __repr__(self) -> str:
        """Network, classes, input and engine, on a line each."""
        card, how = self.card, self.card.preprocessing
        exits = [one.name for one in ordered_exits(card.architecture)]
        classes = shorten(", ".join(map(printable, card.classes)), 80)
        return "\n    ".join(
            [
                type(self).__name__,
                f"network: {card.architecture.name}, exits: {', '.join(exits) or 'none'}",
                f"classes: {len(card.classes):,} ({classes})",
                f"input: {how.size}x{how.size} RGB, short side {how.short_side}",
                f"engine: {self.engine}, {self.batch} at once",
            ]
        )

    def __reduce__(self) -> tuple[Callable[[], Predictor], tuple[()]]:
        if self.reload is None:
            msg = "a model that was not loaded cannot be sent to another process; "
            msg += "write it to a folder and load that"
            raise TypeError(msg)
        return self.reload, ()

    def predict(
        self, images: Iterable[AnImage], policy: AnyPolicy | None = None, *, top: int = TOP
    ) -> list[Prediction]:
        """Classify images, one after the other, or as many at once as the model was loaded for.

        Args:
            images: paths, encoded bytes, PIL images, or uint8 arrays (height, width), or
                (height, width, 1, 3 or 4), RGB.
            policy: when to stop at an exit; never if None.
            top: how many of the most probable labels to give.

        Raises:
            UnusableImage: an image cannot be used.
            RecipeError: the stored policy is asked for, and the model has none.
            DataError: an array is of the wrong shape or type, or there is one image, no list.
            WeightsError: the model gives no number.
            WeightsError: this process was forked, and the model is no longer where it was.
        """
        if self.process != os.getpid():
            self.restart()
        if isinstance(images, str | Path | bytes | Image.Image | np.ndarray):
            msg = "predict takes a list of images, got one; write predict([image])"
            raise DataError(msg)
        rules = None
        if policy is not None:
            rules = gated(of_model(policy, self.card), self.card.architecture)
        stages = self.stages(tuple(gate.exit for gate in rules.gates) if rules else ())
        names, left, predictions = list(stages), iter(images), []
        depth = self.card.preprocessing.depth
        while pixels := [as_rgb(image, depth) for image in islice(left, self.batch)]:
            start = perf_counter()
            fitted = np.stack([self.prepare(image) for image in pixels])
            probabilities, numbers = run_stages(stages, fitted, rules)
            ms = 1e3 * (perf_counter() - start) / len(pixels)
            for row, number in zip(probabilities, numbers, strict=True):
                best = np.argsort(-row, kind="stable")[:top]
                likely = tuple((self.card.classes[i], float(row[i])) for i in best)
                predictions.append(Prediction(*likely[0], exit=names[number], ms=ms, top=likely))
        return predictions

    def restart(self) -> None:
        """Start the engine of a model in a process that was forked.

        Raises:
            WeightsError: the model is no longer where it was.
        """
        if self.reload is not None:
            self.stages = self.reload().stages
        self.process = os.getpid()


def run_stages(
    stages: Mapping[str, Stage[X]],
    images: X,
    policy: ExitPolicy | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Run stage after stage on the images that no earlier one answered.

    Args:
        stages: exit -> what computes it from the stage before, in trunk order, "main" last; one
            without a gate is run, and answers nothing.
        images: a batch, as the first stage takes it.
        policy: when to stop; never if None.

    Returns:
        Probabilities (batch, classes) and the number of the stage that gave them (batch,).

    Raises:
        WeightsError: a probability is not finite.
    """
    gates = {gate.exit: gate for gate in policy.gates} if policy else {}
    left, x = np.arange(len(images)), images
    places, parts = [], []
    number = np.zeros(len(images), np.int64)
    for stage, (name, run) in enumerate(stages.items()):
        gate = gates.get(name, policy)
        probabilities, x = run(x, gate.temperature if gate else 1.0)
        if not np.isfinite(probabilities).all():
            msg = f"{name} gives probabilities that are not finite; train or export the model again"
            raise WeightsError(msg)
        done = np.full(len(left), name == "main")
        if policy and name in gates:
            done = confidence(probabilities, policy.measure) >= gates[name].confidence
        places.append(left[done])
        parts.append(probabilities[done])
        number[left[done]] = stage
        left = left[~done]
        if len(left) == 0:
            break
        if done.any():
            x = x[~done]
    return np.concatenate(parts)[np.concatenate(places).argsort()], number
