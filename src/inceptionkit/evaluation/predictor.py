"""A model and its preprocessing, whatever runs it: images in, predictions out. No torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inceptionkit.errors import DataError
from inceptionkit.evaluation.early_exit import AnyPolicy, Policy, Stage, gated, of_model, run_stages
from inceptionkit.model import Card
from inceptionkit.preprocess import as_rgb

AnImage: TypeAlias = str | Path | bytes | Image.Image | NDArray[np.uint8]
Pixels: TypeAlias = NDArray[np.uint8]
Stages: TypeAlias = Mapping[str, Stage[Any]]  # an exit, or "main" -> from the stage before to there
Cut: TypeAlias = Callable[[tuple[str, ...]], Stages]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says of one image."""

    label: str
    probability: float
    exit: str  # which classifier answered: "main", or an exit
    ms: float  # from the decoded image to the answer; of several at once, the share of each
    top: tuple[tuple[str, float], ...]  # the most probable labels, at most five, with probability


@dataclass(eq=False)
class Predictor:
    """A model and its preprocessing, whatever runs it.

    Attributes:
        card: what the model folder says of it.
        stages: cuts the network at exits, and gives the stages that end at these and at main.
        prepare: makes of an image, (height, width, 3), what the network takes.
        batch: images that `predict` answers at once.
    """

    card: Card
    stages: Cut
    prepare: Callable[[Pixels], Pixels]
    batch: int = 1

    def predict(
        self, images: Iterable[AnImage], policy: AnyPolicy | None = None
    ) -> list[Prediction]:
        """Classify images, one after the other, or as many at once as the model was loaded for.

        Args:
            images: paths, encoded bytes, PIL images, or uint8 arrays (height, width), or
                (height, width, 1, 3 or 4), RGB.
            policy: when to stop at an exit; never if None.

        Raises:
            UnusableImage: an image cannot be used.
            RecipeError: the stored policy is asked for, and the model has none.
            DataError: an array is of the wrong shape or type, or there is one image, no list.
        """
        if isinstance(images, str | Path | bytes | Image.Image | np.ndarray):
            msg = "predict takes a list of images, got one; write predict([image])"
            raise DataError(msg)
        asked = of_model(policy, self.card)
        predictions: list[Prediction] = []
        left = iter(images)
        while pixels := [as_rgb(image) for image in islice(left, self.batch)]:
            start = perf_counter()
            fitted = np.stack([self.prepare(image) for image in pixels])
            probabilities, exits = self.answers(fitted, asked)
            ms = 1e3 * (perf_counter() - start) / len(pixels)
            predictions += [
                self._prediction(*one, ms) for one in zip(probabilities, exits, strict=True)
            ]
        return predictions

    def answers(self, fitted: Pixels, policy: Policy) -> tuple[NDArray[np.float32], Sequence[str]]:
        """Answer each image of a batch; the stages beyond its exit are skipped.

        Args:
            fitted: (batch, height, width, 3), as `prepare` leaves them.
            policy: when to stop at an exit.

        Returns:
            Probabilities (batch, classes), and the names of the exits that gave them, or "main".

        Raises:
            DeploymentError: the policy uses an exit at which the exported model is not cut.
        """
        rules = gated(policy, self.card.architecture)
        stages = self.stages(tuple(gate.exit for gate in rules.gates))
        probabilities, numbers = run_stages(stages, fitted, rules)
        names = list(stages)
        return probabilities, [names[number] for number in numbers]

    def _prediction(self, probabilities: NDArray[np.float32], exit_: str, ms: float) -> Prediction:
        best = np.argsort(-probabilities, kind="stable")[:5]
        top = tuple((self.card.classes[i], float(probabilities[i])) for i in best)
        return Prediction(*top[0], exit=exit_, ms=ms, top=top)
