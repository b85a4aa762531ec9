"""A run that trains an R-CNN: regions, classifiers, hard negatives, box regression, scores.

Each step leaves a file or a folder that is there whole or not at all, and follows from the request
and the data alone. A run that was interrupted does the steps that are missing; the trainings of
classifiers resume exactly, as every training does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from inceptionkit.detection.metrics import DetectionScores, score
from inceptionkit.detection.page import Evaluated, write_page
from inceptionkit.detection.proposals import candidates, propose
from inceptionkit.detection.rcnn.allowance import ONE_EPOCH, Allowance
from inceptionkit.detection.rcnn.card import RcnnCard, RcnnMetrics
from inceptionkit.detection.rcnn.detector import RcnnDetector
from inceptionkit.detection.rcnn.images import checked, readable
from inceptionkit.detection.rcnn.mining import hard_negatives, regression_data, taught
from inceptionkit.detection.rcnn.model import assemble, write_rcnn
from inceptionkit.detection.rcnn.proposer import PROPOSER
from inceptionkit.detection.rcnn.regions import write_regions
from inceptionkit.detection.rcnn.regress import fit
from inceptionkit.detection.rcnn.sample import (
    Regions,
    backgrounds,
    drawn,
    per_object,
    positives,
)
from inceptionkit.detection.rcnn.start import RECIPE, RcnnRun, Training, named_start
from inceptionkit.detection.rcnn.trained import describe_run
from inceptionkit.detection.types import AnnotatedImage, Boxes, Detections
from inceptionkit.errors import RecipeError, RunError
from inceptionkit.evaluation.classifier import load
from inceptionkit.model.folder import CARD
from inceptionkit.progress import Progress
from inceptionkit.training.run import folder as folders
from inceptionkit.training.run.record import FILE

_HARD = 0.5  # share of the backgrounds that are hard, from the second round on


def train_rcnn(run: RcnnRun) -> tuple[RcnnCard, DetectionScores]:
    """Do every step that is missing, and score the detector.

    Raises:
        DataError: no image can be used.
        Interrupted: asked to stop; what is done is kept.
        TrainingError, RunError: a training cannot go on, or a file cannot be written.
    """
    run = readable(run)
    allowance = Allowance(run)
    detector: RcnnDetector | None = None
    for number in range(1, run.request.rounds + 1):
        detector = _round(run, number, detector, allowance)
    if detector is None:  # rounds is at least 1
        raise RunError(str(run.folder))
    if not run.request.no_regression:
        tick = _ticker(run, "fitting boxes", 2 * len(taught(run.data.train.images)))
        features, regions, truth, labels = regression_data(detector, run.data.train.images, tick)
        if len(labels):  # else no proposal fits an object, and boxes are left as they are
            regression = fit(features, regions, truth, labels, len(run.classes))
            detector = replace(detector, regression=regression)
    card, scores = _finish(run, detector)
    allowance.end()
    return card, scores


def _finish(run: RcnnRun, detector: RcnnDetector) -> tuple[RcnnCard, DetectionScores]:
    """Score the detector, and write the model and the report."""
    some = checked(run.data.val)
    show = score(some, _found(run, detector, some, "val"), run.classes).best_score()
    (name, images), began = run.data.scored, perf_counter()
    found = _found(run, detector, images.images, name)
    seconds = perf_counter() - began
    scores = score(images.images, found, run.classes)
    metrics = RcnnMetrics(
        set=name,
        images=scores.images,
        map50=_or_none(scores.map50),
        ap50={one.name: _or_none(one.ap50) for one in scores.classes},
    )
    card = RcnnCard(
        classes=run.classes, classifiers=(), settings=run.how, show=show, metrics=metrics,
        depth=run.data.train.depth,
    )  # fmt: skip
    last = run.folder / f"round-{run.request.rounds}"
    models = [last / f"classifier-{one + 1}" / "model" for one in range(run.request.ensemble)]
    proposer = None if run.proposer is None else run.folder / PROPOSER
    place = run.folder / folders.MODEL
    card = write_rcnn(place, card, models, detector.regression, proposer)
    bad = folders.read_rows(run.folder / folders.UNUSABLE, ("path", "reason"))
    evaluated = Evaluated(
        model=str(run.folder), data=images.address, set=name, images=images.images, found=found,
        scores=scores, show=show, seconds=seconds,
        unusable=[(row["path"], row["reason"]) for row in bad], trained=describe_run(run),
    )  # fmt: skip
    write_page(run.folder / folders.PAGE, evaluated)
    return card, scores


def _found(
    run: RcnnRun, detector: RcnnDetector, images: Sequence[AnnotatedImage], name: str
) -> list[Detections]:
    """The objects of some images, as the detector will find them in new ones."""
    tick, found = _ticker(run, f"finding objects in {name}", len(images)), list[Detections]()
    for number, image in enumerate(images, 1):
        found.append(detector.detect(image.pixels()))
        tick(number)
    return found


def _round(
    run: RcnnRun, number: int, earlier: RcnnDetector | None, allowance: Allowance
) -> RcnnDetector:
    """Train every classifier once."""
    folder, count = run.folder / f"round-{number}", run.request.ensemble
    regions = folder / "regions.zip"
    if not regions.exists():
        folder.mkdir(exist_ok=True)
        hard = None
        if earlier is not None:
            images = run.data.train.images
            tick = _ticker(run, "looking for hard negatives", len(images))
            hard = hard_negatives(earlier, images, tick)
        total = write_regions(regions, _parts(run, hard), run.classes, side=run.side, how=run.how)
        run.keep_time()
        run.listener.say(f"round {number}: {total:,} regions")
    for one in range(count):
        out = folder / f"classifier-{one + 1}"
        if (out / "model" / CARD).is_file():
            continue
        before = run.folder / f"round-{number - 1}" / out.name
        training = Training(
            data=regions,
            out=out,
            start=before if number > 1 else named_start(run.request),
            side=run.side,
            settings=(*RECIPE, *run.request.settings),
            seed=run.request.seed + one,
            budget=allowance.training(number, one),
            device=run.device,
        )
        _train(run, training, is_first=(number, one) == (1, 0))
        run.keep_time()
    models = [load(folder / f"classifier-{one + 1}", device=run.device) for one in range(count)]
    return replace(assemble(run.classes, tuple(models), run.how), proposer=run.proposer)


def _train(run: RcnnRun, training: Training, *, is_first: bool) -> None:
    """Train a classifier; where the first has shown what can be met, for an epoch at least."""
    try:
        run.train(training)
    except RecipeError:  # too little time for an epoch; nothing of it is kept
        if is_first or training.budget == ONE_EPOCH or (training.out / FILE).exists():
            raise
        run.train(replace(training, budget=ONE_EPOCH))


def _parts(
    run: RcnnRun, hard: Sequence[Boxes] | None
) -> Iterator[tuple[str, AnnotatedImage, Regions]]:
    """The regions of each image that a classifier learns from, and is checked on."""
    how, seed = run.how, run.request.seed
    each = per_object(run.data.train.images, len(run.classes), how)
    total = len(run.data.train) + len(run.data.val)
    tick, number = _ticker(run, "proposing regions", total), 0
    for name, images in (("train", run.data.train), ("val", run.data.val)):
        for index, image in enumerate(images):
            proposals = candidates(image.pixels(), how.search, run.proposer, propose)
            shown = positives(image, proposals, each, how, seed=seed, number=number)
            wanted = max(how.per_image - len(shown.boxes), how.per_image // 4)
            empty = backgrounds(image, proposals, how)
            few = wanted
            parts = [shown.boxes]
            if hard is not None and name == "train":
                few = wanted - round(_HARD * wanted)
                parts.append(hard[index][: wanted - few])
            parts.append(drawn(empty, few, seed=seed, number=number))
            boxes = np.concatenate(parts)
            behind = np.full(len(boxes) - len(shown.boxes), len(run.classes), np.int64)
            number += 1
            tick(number)
            yield name, image, Regions(boxes, np.concatenate([shown.labels, behind]))


def _ticker(run: RcnnRun, what: str, total: int) -> Callable[[int], None]:
    def tick(done: int) -> None:
        run.listener.progress(Progress(what=what, done=done, total=total))

    return tick


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value


def result_of(run: RcnnRun, card: RcnnCard) -> dict[str, Any]:
    """What the end of a run says."""
    return {
        "run": run.folder,
        "model": run.folder / folders.MODEL,
        "seconds": run.seconds(),
        **{key: card.metrics.get(key) for key in ("set", "images", "map50", "ap50")},
    }
