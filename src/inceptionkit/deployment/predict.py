"""Files and folders of images through a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inceptionkit.deployment.load import load_predictor
from inceptionkit.evaluation.early_exit import AnyPolicy, Policy, of_model
from inceptionkit.evaluation.predictor import Prediction, Predictor
from inceptionkit.preprocess import EXTENSIONS, UnusableImage
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
    classifier = load_predictor(model)
    asked = of_model(policy, classifier.card, str(model))
    for path in paths:
        place = Path(path).expanduser()
        try:
            files = image_files(place)
        except UnusableImage as error:
            yield Answer(printable(str(place)), None, error.reason)
            continue
        for file in files:
            yield answer(classifier, file, asked)


def answer(classifier: Predictor, file: Path, policy: Policy) -> Answer:
    """Classify one file."""
    try:
        (found,) = classifier.predict([file], policy)
    except UnusableImage as error:
        return Answer(printable(str(file)), None, error.reason)
    return Answer(printable(str(file)), found, None)


def image_files(path: Path) -> list[Path]:
    """The file itself, or every image below a folder.

    Raises:
        UnusableImage: there is none.
    """
    if not path.exists():
        reason = "no such file or folder; check the spelling"
        raise UnusableImage(reason, printable(str(path)))
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.suffix.lower() in EXTENSIONS)
    if not found:
        reason = "there is no image in it; give a folder of images"
        raise UnusableImage(reason, printable(str(path)))
    return found
