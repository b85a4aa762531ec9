"""`detect predict`: the objects in files and folders of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from inceptionkit.api.detect_evaluate import DETECTOR
from inceptionkit.arguments import DEVICE, INPUTS, LOWEST_SCORE, ON_ANSWER, REGION_EXIT
from inceptionkit.options import Option, several, verb
from inceptionkit.results import Result, table

if TYPE_CHECKING:
    from inceptionkit.detection.find import FoundObjects


@dataclass(frozen=True)
class DetectPredictRequest:
    """In which images to find objects, and with which detector."""

    model: Annotated[str | Path, DETECTOR]
    paths: Annotated[Sequence[str | Path] | Path, INPUTS]
    _: KW_ONLY
    score: Annotated[float | None, LOWEST_SCORE] = None
    early_exit: Annotated[float | None, REGION_EXIT] = None
    out: Annotated[
        str | Path | None,
        Option("Folder for pictures with the boxes drawn.", "FOLDER", default="none"),
    ] = None
    csv: Annotated[
        str | Path | None,
        Option("Table to write, a row for each object.", "FILE.csv", default="none"),
    ] = None
    coco: Annotated[
        str | Path | None,
        Option("Results to write, as COCO's programs read them.", "FILE.json", default="none"),
    ] = None
    device: Annotated[str | None, DEVICE] = None
    on_answer: Annotated[Callable[[FoundObjects], object] | None, ON_ANSWER] = None


@dataclass(frozen=True, repr=False)
class DetectPredictResult(Result):
    """The objects of each image; and of `detect explain` the picture that explains them.

    Attributes:
        answers: in the order of the images; with an error for one that cannot be used.
    """

    answers: tuple[FoundObjects, ...]

    @property
    def failed(self) -> bool:
        """Whether an image could not be used."""
        return any(one.error is not None for one in self.answers)

    def to_json(self) -> dict[str, Any]:
        """The answers; `--json` prints one on each line."""
        return {"answers": [one.to_json() for one in self.answers]}

    def _repr_html_(self) -> str:
        rows = [
            (one.path, found["label"], f"{found['score']:.2f}", found["box"], found["exit"])
            for one in self.answers
            for found in one.to_json().get("objects", ())
        ]
        return table(("path", "label", "score", "x1, y1, x2, y2", "exit"), rows)


@verb(DetectPredictRequest)
def detect_predict(request: DetectPredictRequest) -> DetectPredictResult:
    """Find objects in images, and draw their boxes with class, score and exit.

    Raises:
        WeightsError: there is no detector, or it is damaged.
        RecipeError: the device is not there.
        DataError: a file to write is there already.
        RunError: a picture or a file cannot be written.
    """
    from inceptionkit.detection.draw import drawn
    from inceptionkit.detection.find import find_in_files
    from inceptionkit.detection.found_files import require_new, write_coco_results, write_table
    from inceptionkit.detection.load import load

    table_file, results_file = (
        None if path is None else require_new(path) for path in (request.csv, request.coco)
    )
    loaded = load(request.model, early_exit=request.early_exit, device=request.device)
    answers = find_in_files(
        loaded,
        several(request.paths),
        score=request.score,
        picture=lambda image, found: drawn(image, found, loaded.detector.classes),
        out=None if request.out is None else Path(request.out),
        on_answer=request.on_answer,
    )
    if table_file is not None:
        write_table(table_file, answers)
    if results_file is not None:
        write_coco_results(results_file, answers)
    return DetectPredictResult(answers)
