"""`detect explain`: what of a region speaks for the object in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from inceptionkit.api.detect_evaluate import DETECTOR
from inceptionkit.api.detect_predict import DetectPredictResult
from inceptionkit.arguments import DEVICE, INPUTS, LOWEST_SCORE, ON_ANSWER
from inceptionkit.options import Option, several, verb

if TYPE_CHECKING:
    from inceptionkit.detection.find import FoundObjects


@dataclass(frozen=True)
class DetectExplainRequest:
    """Which images to explain, and with which detector."""

    model: Annotated[str | Path, DETECTOR]
    paths: Annotated[Sequence[str | Path] | Path, INPUTS]
    _: KW_ONLY
    score: Annotated[float | None, LOWEST_SCORE] = None
    out: Annotated[str | Path, Option("Folder for the pictures.", "FOLDER")] = "explained"
    device: Annotated[str | None, DEVICE] = None
    on_answer: Annotated[Callable[[FoundObjects], object] | None, ON_ANSWER] = None


@verb(DetectExplainRequest)
def detect_explain(request: DetectExplainRequest) -> DetectPredictResult:
    """Draw what speaks for the best objects of each image, one row per object.

    R-CNN: heat maps of each exit. Shared features: the parts whose covering lowers the score.

    Raises:
        WeightsError: there is no detector, or it is damaged.
        RecipeError: the detector is an exported graph, or the device is not there.
        RunError: a picture cannot be written.
    """
    from inceptionkit.detection.explain import explain_objects
    from inceptionkit.detection.find import find_in_files
    from inceptionkit.detection.load import load

    loaded = load(request.model, device=request.device)
    answers = find_in_files(
        loaded,
        several(request.paths),
        score=request.score,
        picture=lambda image, found: (
            explain_objects(loaded.detector, image, found) if len(found) else None
        ),
        out=Path(request.out),
        on_answer=request.on_answer,
    )
    return DetectPredictResult(answers)
