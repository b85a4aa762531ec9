"""`predict`: files and folders of images through a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from inceptionkit.arguments import EARLY_EXIT, IMAGES, MODEL, ON_ANSWER, several
from inceptionkit.options import verb
from inceptionkit.results import Result, table

if TYPE_CHECKING:
    from inceptionkit.deployment.predict import Answer
    from inceptionkit.evaluation.early_exit import AnyPolicy


@dataclass(frozen=True)
class PredictRequest:
    """Which images to classify, and with which model."""

    model: Annotated[str | Path, MODEL]
    paths: Annotated[Sequence[str | Path] | Path, IMAGES]
    _: KW_ONLY
    early_exit: Annotated[str | float | AnyPolicy | None, EARLY_EXIT] = None
    on_answer: Annotated[Callable[[Answer], object] | None, ON_ANSWER] = None


@dataclass(frozen=True, repr=False)
class PredictResult(Result):
    """What the model says of each image.

    Attributes:
        answers: in the order of the images; with an error for one that could not be used.
    """

    answers: tuple[Answer, ...]

    @property
    def failed(self) -> bool:
        """Whether an image could not be used."""
        return any(answer.error is not None for answer in self.answers)

    def to_json(self) -> dict[str, Any]:
        """The answers; `predict --json` prints one on each line."""
        return {"answers": [answer.to_json() for answer in self.answers]}

    def _repr_html_(self) -> str:
        keys = ("path", "label", "probability", "exit", "error")
        rows = [answer.to_json() for answer in self.answers]
        return table(keys, [[row.get(key, "") for key in keys] for row in rows])


@verb(PredictRequest)
def predict(request: PredictRequest) -> PredictResult:
    """Classify images, one answer each; an image that cannot be read is reported and skipped.

    Raises:
        WeightsError: there is no model, or it is damaged.
        RecipeError: the stored policy is asked for, and the model has none.
    """
    from inceptionkit.deployment.predict import answers
    from inceptionkit.evaluation.early_exit import parse_early_exit

    found, policy = [], parse_early_exit(request.early_exit)
    for answer in answers(request.model, several(request.paths), policy):
        found.append(answer)
        if request.on_answer is not None:
            request.on_answer(answer)
    return PredictResult(tuple(found))
