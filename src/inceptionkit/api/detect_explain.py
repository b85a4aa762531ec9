"""`detect explain`: what of a region speaks for the object in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from inceptionkit.api.detect_evaluate import DETECTOR
from inceptionkit.arguments import DEVICE, IMAGES, LOWEST_SCORE, ON_ANSWER
from inceptionkit.options import Option, several, verb
from inceptionkit.results import Result

if TYPE_CHECKING:
    from inceptionkit.detection.find import FoundObjects


@dataclass(frozen=True)
class DetectExplainRequest:
    """Which images to explain, and with which detector."""

    model: Annotated[str | Path, DETECTOR]
    paths: Annotated[Sequence[str | Path] | Path, IMAGES]
    _: KW_ONLY
    score: Annotated[float | None, LOWEST_SCORE] = None
    out: Annotated[str | Path, Option("Folder for the pictures.", "FOLDER")] = "explained"
    device: Annotated[str | None, DEVICE] = None
    on_answer: Annotated[Callable[[FoundObjects], object] | None, ON_ANSWER] = None


@dataclass(frozen=True, repr=False)
class DetectExplainResult(Result):
    """The objects of each image, and the picture that explains them.

    Attributes:
        answers: in the order of the images; with an error for one that cannot be explained.
    """

    answers: tuple[FoundObjects, ...]

    @property
    def failed(self) -> bool:
        """Whether an image could not be explained."""
        return any(one.error is not None for one in self.answers)

    def to_json(self) -> dict[str, Any]:
        """The answers; `detect explain --json` prints one on each line."""
        return {"answers": [one.to_json() for one in self.answers]}


@verb(DetectExplainRequest)
def detect_explain(request: DetectExplainRequest) -> DetectExplainResult:
    """Draw what speaks for the best objects of each image, one row per object.

    R-CNN: heat maps of each exit. Shared features: the parts whose covering lowers the score.

    Raises:
        WeightsError: there is no detector, or it is damaged.
        RecipeError: the detector is an exported graph.
        RunError: a picture cannot be written.
    """
    from inceptionkit.detection.explain import explain_objects
    from inceptionkit.detection.find import FoundObjects, files_below, find_in_file, write_picture
    from inceptionkit.detection.load import load
    from inceptionkit.text import printable

    one = load(request.model, device=request.device or "cpu")
    least = one.show if request.score is None else request.score
    answers = []
    for file, missing in files_below(several(request.paths)):
        if missing is not None:
            nothing = (None, missing, 0.0, one.detector.classes)
            answer = FoundObjects(printable(str(file)), *nothing)
        else:
            answer, image = find_in_file(one.detector, file, least)
            if image is not None and answer.objects is not None and len(answer.objects):
                picture = explain_objects(one.detector, image, answer.objects)
                place = write_picture(Path(request.out), file.stem, picture)
                answer = replace(answer, picture=place)
        answers.append(answer)
        if request.on_answer is not None:
            request.on_answer(answer)
    return DetectExplainResult(tuple(answers))
