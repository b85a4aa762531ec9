"""What every way to run a model offers: images in, predictions out. No torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inceptionkit.errors import DataError
from inceptionkit.evaluation.early_exit import AnyPolicy, Policy, of_model
from inceptionkit.model import Card
from inceptionkit.preprocess import as_rgb, decode

AnImage: TypeAlias = str | Path | bytes | Image.Image | NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says of one image."""

    label: str
    probability: float
    exit: str  # which classifier answered: "main", or an exit
    ms: float  # from the decoded image to the answer; of several at once, the share of each
    top: tuple[tuple[str, float], ...]  # the most probable labels, at most five, with probability


class Predictor(ABC):
    """A model and its preprocessing, whatever runs it.

    Attributes:
        card: what the model folder says of it.
        batch: images that `predict` answers at once.
    """

    def __init__(self, card: Card, batch: int = 1) -> None:
        self.card = card
        self.batch = batch

    @abstractmethod
    def answers(
        self, fitted: NDArray[np.uint8], policy: Policy
    ) -> tuple[NDArray[np.float32], Sequence[str]]:
        """Probabilities of each image of a batch, and who gave them.

        Args:
            fitted: (batch, height, width, 3), as `prepare` leaves them.
            policy: when to stop at an exit.

        Returns:
            (batch, classes), and the names of exits, or "main".
        """

    def prepare(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Resize and crop an image, (height, width, 3), to what the network takes."""
        return self.card.preprocessing.fit(pixels)

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
        found: list[Prediction] = []
        left = iter(images)
        while together := [rgb(image) for image in islice(left, self.batch)]:
            found += self.several(together, asked)
        return found

    def several(self, images: Sequence[NDArray[np.uint8]], policy: Policy) -> list[Prediction]:
        """Classify decoded images at once."""
        began = perf_counter()
        fitted = np.stack([self.prepare(image) for image in images])
        probabilities, who = self.answers(fitted, policy)
        ms = 1e3 * (perf_counter() - began) / len(images)
        return [self.prediction(*one, ms) for one in zip(probabilities, who, strict=True)]

    def prediction(self, probabilities: NDArray[np.float32], who: str, ms: float) -> Prediction:
        """What the probabilities (classes,) of one image say."""
        best = np.argsort(-probabilities, kind="stable")[:5]
        top = tuple((self.card.classes[i], float(probabilities[i])) for i in best)
        return Prediction(*top[0], exit=who, ms=ms, top=top)


def rgb(image: AnImage) -> NDArray[np.uint8]:
    """Decode what is encoded: (height, width, 3) uint8."""
    if isinstance(image, str | Path):
        return decode(Path(image))
    return decode(image) if isinstance(image, bytes) else as_rgb(image)
