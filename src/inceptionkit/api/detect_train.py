"""`detect train` and `detect resume`: a detector from its first decision to its model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, asdict, dataclass, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

from inceptionkit.arguments import LISTENER, MOVED_DATA
from inceptionkit.detection.shared.request import DetectTrainRequest
from inceptionkit.display import SHOWN
from inceptionkit.errors import RecipeError
from inceptionkit.options import Argument, verb
from inceptionkit.progress import Listener, Silence
from inceptionkit.results import Result, table

if TYPE_CHECKING:
    from inceptionkit.api.detect_rcnn import DetectRcnnResult
    from inceptionkit.detection.shared.record import DetectRunResult
    from inceptionkit.detection.shared.session import DetectSession


@dataclass(frozen=True, kw_only=True, repr=False)
class DetectTrainResult(Result):
    """A run that has ended.

    Attributes:
        run, model: its folder, and that of the detector.
        epochs, kept_epoch: that were trained; and the one whose weights are kept: the best on val.
        seconds: of the whole command.
        set, images: that were scored: "test", or "val" if there is no test set.
        map50: mean over classes of the average precision at IoU 0.5 (Pascal VOC 2012).
        ap50: that of each class; None where the set has no object of it.
        looked_at: share of the area of that set's images that the whole network ran on.
        regions_skipped: share of the regions proposed there that the exit for regions answered.
        images_per_second: in training, median over the epochs.
        peak_bytes: memory of the process; None where the system does not say.
    """

    run: Path
    model: Path
    epochs: float
    kept_epoch: int
    seconds: float
    set: str
    images: int
    map50: float | None
    ap50: Mapping[str, float | None]
    looked_at: float
    regions_skipped: float
    images_per_second: float
    peak_bytes: int | None

    def to_json(self) -> dict[str, Any]:
        """What `detect train --json` prints."""
        return asdict(self) | {"run": str(self.run), "model": str(self.model)}

    def _repr_html_(self) -> str:
        return table(("class", "AP at IoU 0.5"), [*self.ap50.items(), ("mean", self.map50)])


@dataclass(frozen=True)
class DetectResumeRequest:
    """Which run to resume."""

    run: Annotated[str | Path, Argument("Folder of the run.", "RUN")]
    _: KW_ONLY
    data: Annotated[str | Path | None, MOVED_DATA] = None
    listener: Annotated[Listener | None, LISTENER] = SHOWN


@verb(DetectTrainRequest)
def detect_train(request: DetectTrainRequest) -> DetectTrainResult:
    """Train a detector on your images and their boxes, and measure it.

    A network's trunk runs once an image; each proposed region reads its features.

    Raises:
        DataError, RecipeError, UnknownNameError, SpecError, WeightsError: a request that cannot be
            met; nothing was trained.
        RunError: the run folder cannot be written.
        TrainingError: the run cannot go on; the last checkpoint is whole.
        Interrupted: asked to stop; the state is saved.
    """
    start_time = monotonic()  # a time budget covers the whole command
    from inceptionkit.detection.shared.start import start_run
    from inceptionkit.training.run import folder as folders

    new = request.out is None or not Path(request.out).exists()
    session = start_run(request, request.listener or Silence(), start_time)
    try:
        return _run_to_the_end(session)
    except RecipeError:  # a budget too small for one epoch: nothing is worth keeping
        if not session.record.plans:
            folders.empty(session.folder)
            if new:
                session.folder.rmdir()
        raise
    finally:
        folders.release(session.folder)


@verb(DetectResumeRequest)
def detect_resume(request: DetectResumeRequest) -> DetectTrainResult | DetectRcnnResult:
    """Resume an interrupted training of a detector. The result is the same as without interruption.

    Of a run that has ended nothing is changed; its result is reported.

    Raises:
        RunError: there is no such run, another process works on it, or its images changed.
        DataError: the images are gone.
        Interrupted: asked to stop again; the state is saved.
    """
    start_time = monotonic()
    from inceptionkit.api.detect_rcnn import resume_rcnn
    from inceptionkit.detection.rcnn.start import is_rcnn_run
    from inceptionkit.detection.shared.record import read_detect_record
    from inceptionkit.detection.shared.start import resume_run
    from inceptionkit.training.run import folder as folders

    folder, listener = Path(request.run), request.listener or Silence()
    if is_rcnn_run(folder):
        return resume_rcnn(folder, request.data, request.listener, start_time)
    if (result := read_detect_record(folder).result) is not None:
        listener.say(f"{folder}: the run has ended; nothing is changed")
        return _ended(folder, result)
    session = resume_run(folder, request.data, listener, start_time)
    try:
        return _run_to_the_end(session)
    finally:
        folders.release(folder)


def _run_to_the_end(session: DetectSession) -> DetectTrainResult:
    from inceptionkit.detection.shared.finish import finish
    from inceptionkit.detection.shared.session import run_training
    from inceptionkit.training.run.process import explain_how_to_resume, fast_cpu_settings

    with fast_cpu_settings(), explain_how_to_resume(session.folder):
        result = finish(session, *run_training(session))
        session.decide(replace(session.record, result=result))
    return _ended(session.folder, result)


def _ended(folder: Path, result: DetectRunResult) -> DetectTrainResult:
    values: dict[str, Any] = {**result, **result["metrics"]}
    del values["metrics"]
    return DetectTrainResult(**values | {"run": folder, "model": folder / "model"})
