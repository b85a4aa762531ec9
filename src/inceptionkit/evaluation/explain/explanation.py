"""What each exit predicts for an image, and which regions speak for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inceptionkit.evaluation.classifier import Classifier
from inceptionkit.evaluation.explain.maps import Evidence, Method, evidence_maps
from inceptionkit.evaluation.inference import network_input


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitExplanation:
    """What one exit predicts, and where it looks.

    Attributes:
        label: the predicted class.
        probability: of the predicted class.
        class_probability: of the class that is explained.
        method: as it was used: Grad-CAM where a head allows no exact map.
        map: (rows, columns); positive values are evidence for the class.
    """

    label: str
    probability: float
    class_probability: float
    method: Method
    map: NDArray[np.float32]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        rows = [[round(value, 6) for value in row] for row in self.map.tolist()]
        keys = ("label", "probability", "class_probability", "method")
        return {**{key: getattr(self, key) for key in keys}, "map": rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One image: what each exit predicts and why, or why the image could not be read.

    Attributes:
        path: of the image.
        class_: the class that is explained.
        exits: in trunk order, main last.
        picture: the file that shows it.
        error: why there is nothing to show; None if there is.
    """

    path: str
    class_: str | None = None
    exits: Mapping[str, ExitExplanation] = field(default_factory=dict)
    picture: Path | None = None
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        """What `explain --json` prints."""
        if self.error is not None:
            return {"path": self.path, "error": self.error}
        exits = {name: exit_.to_json() for name, exit_ in self.exits.items()}
        picture = str(self.picture)
        return {"path": self.path, "class": self.class_, "exits": exits, "picture": picture}


def explain_images(
    classifier: Classifier,
    images: Sequence[tuple[str, NDArray[np.uint8]]],
    exits: Sequence[str],
    *,
    method: Method = "cam",
    classes: Sequence[int] | None = None,
) -> list[Explanation]:
    """Explain what some exits predict for some images.

    Args:
        classifier: the model.
        images: path and (size, size, 3) pixels, as the preprocessing leaves them.
        exits: names; "main" for the head.
        method: as in `evidence_maps`.
        classes: the class to explain, for each image; the one that main predicts if None.
    """
    pixels = torch.from_numpy(np.stack([image for _, image in images])).permute(0, 3, 1, 2)
    batch = network_input(classifier.model, classifier.card.preprocessing, pixels)
    if classes is None:
        with torch.no_grad():
            classes = classifier.model(batch).main.argmax(1).tolist()
    maps = evidence_maps(classifier.model, batch, classes, exits, method)
    names = classifier.card.classes
    return [
        Explanation(
            path=path,
            class_=names[number],
            exits={one.exit: _exit_explanation(one, number, names) for one in evidence},
        )
        for (path, _), number, evidence in zip(images, classes, maps, strict=True)
    ]


def _exit_explanation(evidence: Evidence, number: int, names: Sequence[str]) -> ExitExplanation:
    guess = int(evidence.probabilities.argmax())
    return ExitExplanation(
        label=names[guess],
        probability=float(evidence.probabilities[guess]),
        class_probability=float(evidence.probabilities[number]),
        method=evidence.method,
        map=evidence.map,
    )
