"""The end of a run that trains a detector: scores, and the folder of the detector."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from time import perf_counter

from inceptionkit.detection.metrics.summary import DetectionScores, score
from inceptionkit.detection.page import Evaluated, write_page
from inceptionkit.detection.shared.card import (
    DetectMetrics,
    DetectorCard,
    DetectOrigin,
    write_detector,
)
from inceptionkit.detection.shared.model import weights_file
from inceptionkit.detection.shared.predict import Work
from inceptionkit.detection.shared.record import DetectRunResult
from inceptionkit.detection.shared.reject import choose_exits, regions_skipped
from inceptionkit.detection.shared.scoring import number_of
from inceptionkit.detection.shared.session import DetectSession
from inceptionkit.detection.shared.trained import describe_run
from inceptionkit.detection.shared.training import DetectConfig, DetectState, kept_epoch
from inceptionkit.detection.types import Detections
from inceptionkit.machine import peak_bytes
from inceptionkit.model.folder import TENSORS
from inceptionkit.progress import Progress
from inceptionkit.training.run import folder as folders


def finish(session: DetectSession, config: DetectConfig, state: DetectState) -> DetectRunResult:
    """Choose what the exits answer, score once, and write the model and the report.

    The score is on test, or on val if there is no test set.

    Returns:
        The result, which the caller writes last: a run that is lost before has not ended.
    """
    listener, (name, images) = session.listener, session.sets.scored
    epoch = kept_epoch(state.rows)
    listener.say(f"the weights of epoch {epoch} are kept: the best on val")
    chosen = choose_exits(session.detector(state.kept), session.sets.val, listener)
    for why in chosen.why:
        listener.say(why)
    detector = chosen.detector
    seen, began = list[tuple[Detections, Work]](), perf_counter()
    for number, image in enumerate(images, 1):
        listener.progress(Progress(what=f"scoring {name}", done=number, total=len(images)))
        seen.append(detector.detect_and_tell(image.pixels()))
    seconds, found = perf_counter() - began, [one for one, _ in seen]
    scores = score(images.images, found, images.classes)
    metrics = _metrics(scores, name, [work for _, work in seen])
    record = session.record
    card = DetectorCard(
        design=record.design,
        classes=detector.classes,
        preprocessing=record.preprocessing,
        reject=detector.reject,
        region_exit=detector.region_exit,
        show=chosen.show,
        metrics=metrics,
        origin=DetectOrigin(
            data=record.data["address"],
            start="" if record.start is None else record.start.model,
            seed=record.request.seed,
            versions=dict(record.versions),
        ),
    )
    model = session.folder / folders.MODEL
    write_detector(model, card, {TENSORS: weights_file(state.kept)})
    evaluated = Evaluated(
        model=str(session.folder), data=record.data["address"], set=name, images=images.images,
        found=found, scores=scores, show=chosen.show, seconds=seconds,
        unusable=[(one.name, one.reason) for one in session.unusable],
        trained=describe_run(session, state, metrics, chosen.why),
    )  # fmt: skip
    write_page(session.folder / folders.PAGE, evaluated)
    return DetectRunResult(
        run=str(session.folder),
        model=str(model),
        epochs=round(state.step / config.steps_per_epoch, 4),
        kept_epoch=epoch,
        seconds=session.seconds(),
        metrics=metrics,
        images_per_second=median(row["images_per_second"] for row in state.rows),
        peak_bytes=peak_bytes(),
    )


def _metrics(scores: DetectionScores, name: str, work: Sequence[Work]) -> DetectMetrics:
    return DetectMetrics(
        set=name,
        images=scores.images,
        map50=number_of(scores.map50),
        ap50={one.name: number_of(one.ap50) for one in scores.classes},
        looked_at=sum(one.area for one in work) / len(work),
        regions_skipped=regions_skipped(work),
    )
