"""Files and folders of images through a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inceptionkit.deployment.load import load_predictor
from inceptionkit.evaluation.early_exit import AnyPolicy, of_model
from inceptionkit.evaluation.predictor import Prediction
from inceptionkit.preprocess import UnusableImage, image_files
from inceptionkit.text import printable


@dataclass(frozen=True, slots=True)
class Answer:
    """One image: what the model says of it, or why it could not."""

    path: str
    prediction: Prediction | None
    error: str | None

    def to_json(self) -> dict[str, Any]:
        """What `predict --json` prints."""
        found = self.prediction
        if found is None:
            return {"path": self.path, "error": self.error}
        return {
            "path": self.path,
            "label": found.label,
            "probability": found.probability,
            "exit": found.exit,
            "ms": found.ms,
            "top": [{"label": label, "probability": p} for label, p in found.top],
        }


def answers(
    model: str | Path, paths: Iterable[str | Path], policy: AnyPolicy | None = None
) -> Iterator[Answer]:
    """Classify every image at `paths`, one after the other.

    Args:
        model: folder of a model or of a run.
        paths: files, and folders that are searched for images.
        policy: when to stop at an exit; never if None.

    Yields:
        An answer for each image, in order; with an error for one that cannot be used, a path that
        does not exist and a folder without images.

    Raises:
        WeightsError: there is no model, or it is damaged.
        RecipeError: the stored policy is asked for, and the model has none.
    """
    files = list(_listed(paths))
    predictor = load_predictor(model, images=len(files))
    asked = of_model(policy, predictor.card, str(model))
    for file, missing in files:
        prediction, error = None, missing
        try:
            if not missing:
                (prediction,) = predictor.predict([file], asked)
        except UnusableImage as unusable:
            error = unusable.reason
        yield Answer(printable(str(file)), prediction, error)


def _listed(paths: Iterable[str | Path]) -> Iterator[tuple[Path, str | None]]:
    """Every file, or a path at which there is none and why."""
    for path in paths:
        place = Path(path).expanduser()
        try:
            yield from ((file, None) for file in image_files(place))
        except UnusableImage as error:
            yield place, error.reason
