"""`detect rcnn`: an R-CNN from its regions to its scores."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from inceptionkit.detection.rcnn.request import DetectRcnnRequest
from inceptionkit.errors import WriteError
from inceptionkit.options import verb
from inceptionkit.progress import Listener, Silence
from inceptionkit.results import Result, table

if TYPE_CHECKING:
    from inceptionkit.detection.rcnn.start import RcnnRun, Train, Training


@dataclass(frozen=True, kw_only=True, repr=False)
class DetectRcnnResult(Result):
    """A run that has ended.

    Attributes:
        run: its folder.
        model: the folder of the detector.
        seconds: of the whole command.
        set: that was scored: "test", or "val" if there is no test set.
        images: of that set.
        map50: mean over classes of the average precision at IoU 0.5 (Pascal VOC 2012).
        ap50: that of each class; None where the set has no object of it.
    """

    run: Path
    model: Path
    seconds: float
    set: str
    images: int
    map50: float | None
    ap50: Mapping[str, float | None]

    def to_json(self) -> dict[str, Any]:
        """What `detect rcnn --json` prints."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return values | {"run": str(self.run), "model": str(self.model)}

    def _repr_html_(self) -> str:
        return table(("class", "AP at IoU 0.5"), [*self.ap50.items(), ("mean", self.map50)])


@verb(DetectRcnnRequest)
def detect_rcnn(request: DetectRcnnRequest) -> DetectRcnnResult:
    """Train an R-CNN: an image classifier on warped proposals. Slow, and simple to understand.

    Selective search proposes regions, a classifier or an ensemble of any architecture answers for
    each, hard negatives are added, and a regression corrects boxes.

    Raises:
        DataError, RecipeError, UnknownNameError, SpecError, WeightsError: a request that cannot be
            met; nothing was trained.
        RunError: the run folder cannot be written.
        TrainingError: the run cannot go on.
        Interrupted: asked to stop; what is done is kept, and `detect resume` goes on.
    """
    start_time = monotonic()  # a time budget covers the whole command
    from inceptionkit.detection.rcnn.start import start_run

    return finish_rcnn(start_run(request, stock_training(request), start_time))


def resume_rcnn(
    folder: Path, data: str | Path | None, listener: Listener | None, start_time: float
) -> DetectRcnnResult:
    """Do what is missing of a run that was interrupted; of one that has ended, nothing."""
    from inceptionkit.detection.rcnn.model import load_rcnn
    from inceptionkit.detection.rcnn.start import earlier_seconds, read_request, resume_run
    from inceptionkit.model.folder import CARD
    from inceptionkit.training.run import folder as folders

    request = replace(read_request(folder), listener=listener)
    model = folder / folders.MODEL
    if not ((model / CARD).is_file() and (folder / folders.PAGE).is_file()):
        return finish_rcnn(resume_run(folder, request, data, stock_training(request), start_time))
    (listener or Silence()).say(f"{folder}: the run has ended; nothing is changed")
    metrics = load_rcnn(folder)[1].metrics
    scores: dict[str, Any] = {key: metrics.get(key) for key in ("set", "images", "map50", "ap50")}
    return DetectRcnnResult(run=folder, model=model, seconds=earlier_seconds(folder), **scores)


def finish_rcnn(run: RcnnRun) -> DetectRcnnResult:
    """Do what is missing of a run, and release its folder.

    Raises:
        Interrupted: asked to stop, whatever it was doing; the time that it took is kept.
    """
    from inceptionkit.detection.rcnn.run import result_of, train_rcnn
    from inceptionkit.training.run import folder as folders
    from inceptionkit.training.run.process import explain_how_to_resume

    try:
        with explain_how_to_resume(run.folder):
            card, _ = train_rcnn(run)
            return DetectRcnnResult(**result_of(run, card))
    finally:
        with suppress(WriteError):  # a full disk hides no other error
            run.keep_time()
        folders.release(run.folder)


def stock_training(request: DetectRcnnRequest) -> Train:
    """The stock training of a classifier, which resumes a run that was interrupted."""
    from inceptionkit.api.resume import resume
    from inceptionkit.api.train import train

    def trained(one: Training) -> None:
        if (one.out / "run.json").is_file():
            resume(one.out, listener=request.listener)
            return
        train(
            one.data,
            one.settings,
            from_=one.start,
            architecture=request.architecture if one.start is None else None,
            input_size=one.side,
            seed=one.seed,
            budget=one.budget,
            out=one.out,
            device=one.device,
            listener=request.listener,
        )

    return trained
