"""A run that trains an R-CNN: regions, classifiers, hard negatives, box regression, scores.

Each step leaves a file or a folder that is there whole or not at all, and follows from the request
and the data alone. A run that was interrupted does the steps that are missing; the trainings of
classifiers resume exactly, as every training does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any, TypeAlias

import numpy as np

from inceptionkit import records
from inceptionkit.catalog import architecture
from inceptionkit.convert.registry import read_weights
from inceptionkit.detection.division import DividedSet, divide
from inceptionkit.detection.metrics import DetectionScores, score
from inceptionkit.detection.proposals import propose
from inceptionkit.detection.rcnn.card import RcnnCard, RcnnMetrics
from inceptionkit.detection.rcnn.detector import RcnnDetector
from inceptionkit.detection.rcnn.mining import hard_negatives, regression_data
from inceptionkit.detection.rcnn.model import assemble, write_rcnn
from inceptionkit.detection.rcnn.regions import write_regions
from inceptionkit.detection.rcnn.regress import fit
from inceptionkit.detection.rcnn.request import DetectRcnnRequest
from inceptionkit.detection.rcnn.sample import (
    Regions,
    backgrounds,
    drawn,
    per_object,
    positives,
)
from inceptionkit.detection.rcnn.settings import RegionSettings
from inceptionkit.detection.sources import open_detection
from inceptionkit.detection.types import AnnotatedImage, Boxes, Detections
from inceptionkit.errors import InceptionError, RecipeError, RunError
from inceptionkit.evaluation.classifier import load
from inceptionkit.files import read_bounded, write_json
from inceptionkit.model.folder import CARD
from inceptionkit.network.device import check_device
from inceptionkit.progress import Listener, Progress, Silence
from inceptionkit.training.budget import Time, parse_budget
from inceptionkit.training.recipe import MODERN, override
from inceptionkit.training.recipes import find
from inceptionkit.training.run import folder as folders

FILE = "rcnn.json"
_MOST_BYTES = 2**20
EACH_ROUND = "8epochs"
"""Budget of each training where none is given."""

_SIDE = 64  # pixels of a warped region, where nothing says it
_CHECKED = 40  # images of val that say which scores are worth showing
_HARD = 0.5  # share of the backgrounds that are hard, from the second round on
_TRAINING = 0.75  # share of the time left that trainings may take; the rest looks for objects
RECIPE = ("crop=padded", "padding=2", "small_crops=0", "crop_side=1", "flip=random", "mixup=0")
"""Settings of the recipe for regions: the whole region counts, a random part of it is another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """The training of one classifier on regions."""

    data: Path  # the regions
    out: Path  # the run folder; where it holds a run, that is resumed
    start: Path | str | None  # a model or run to start from
    side: int  # of the regions, pixels
    settings: Sequence[str]  # of the recipe
    seed: int
    budget: str


Train: TypeAlias = Callable[[Training], None]
"""The stock training."""


@dataclass(frozen=True, kw_only=True)
class RcnnRun:
    """What a run has opened and decided."""

    folder: Path
    request: DetectRcnnRequest
    data: DividedSet
    how: RegionSettings
    side: int
    train: Train
    listener: Listener
    start_time: float

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, without background."""
        return self.data.train.classes


def start_run(request: DetectRcnnRequest, train: Train, start_time: float) -> RcnnRun:
    """Open the images, make the folder, and write down what was asked for.

    Raises:
        DataError, RecipeError, WeightsError: a request that cannot be met.
        RunError: the folder cannot be written.
    """
    _check(request)
    data = divide(open_detection(request.data), request.split_seed)
    side = request.input_size or _SIDE
    if request.from_ is not None and request.input_size is None:
        side = read_weights(request.from_)[0].preprocessing.size
    out = None if request.out is None else Path(request.out)
    folder = folders.new_folder(out, str(request.data), "rcnn")
    kept = replace(
        request,
        data=str(Path(request.data).absolute()),
        from_=_whole_path(request.from_),
        settings=tuple(request.settings),
        out=str(folder),
        listener=None,
    )
    facts = {
        "request": records.to_json(kept),
        "side": side,
        "fingerprint": data.train.fingerprint(),
    }
    write_json(folder / FILE, facts)
    kept = replace(kept, listener=request.listener)
    return _run(folder, kept, data, train, side=side, start_time=start_time)


def is_rcnn_run(folder: Path) -> bool:
    """Whether a folder is that of such a run."""
    return (folder / FILE).is_file()


def _check(request: DetectRcnnRequest) -> None:
    """Refuse what the trainings would refuse, before regions are searched for minutes."""
    if request.budget is not None:
        parse_budget(request.budget)
    if request.from_ is not None and request.architecture is not None:
        msg = f"--from {request.from_} brings its architecture; leave --arch out"
        raise RecipeError(msg)
    if request.architecture is not None:
        architecture(request.architecture)
    if request.device is not None:
        check_device(request.device)
    recipe = MODERN if request.from_ is None else find("finetune").recipe
    override(recipe, (*RECIPE, *request.settings))


def _whole_path(model: str | Path | None) -> str | None:
    """A path that does not depend on the current folder; an id as it is."""
    if model is None:
        return None
    return str(Path(model).absolute() if Path(model).exists() else model)


def read_request(folder: Path) -> DetectRcnnRequest:
    """What a run was asked for.

    Raises:
        RunError: its file is damaged.
    """
    return records.from_json(DetectRcnnRequest, _kept(folder)["request"], at="", error=RunError)


def _kept(folder: Path) -> dict[str, Any]:
    try:
        kept: dict[str, Any] = records.STRICT.decode(
            read_bounded(folder / FILE, _MOST_BYTES).decode()
        )
        records.from_json(DetectRcnnRequest, kept["request"], at="", error=RunError)
        kept["side"], kept["fingerprint"] = int(kept["side"]), str(kept["fingerprint"])
    except (*records.UNREADABLE, InceptionError, LookupError, TypeError) as error:
        msg = f"{folder / FILE}: cannot be used ({error}); start the run again in another folder"
        raise RunError(msg) from error
    return kept


def resume_run(
    folder: Path,
    request: DetectRcnnRequest,
    data: str | Path | None,
    train: Train,
    start_time: float,
) -> RcnnRun:
    """Open a run again that was interrupted.

    Args:
        folder: of the run.
        request: what it was asked for.
        data: where the images are now, if they moved.
        train: the stock training.
        start_time: of the command.

    Raises:
        RunError: the folder is damaged, another process works there, or the images changed.
        DataError: the images are gone.
    """
    kept = _kept(folder)
    opened = divide(open_detection(data or request.data), request.split_seed)
    if opened.train.fingerprint() != kept["fingerprint"]:
        msg = f"{folder}: the images or boxes at {opened.train.address} changed since the run began"
        raise RunError(msg + "; put them back as they were, or start another run")
    folders.take(folder)
    return _run(folder, request, opened, train, side=kept["side"], start_time=start_time)


def _run(
    folder: Path,
    request: DetectRcnnRequest,
    data: DividedSet,
    train: Train,
    *,
    side: int,
    start_time: float,
) -> RcnnRun:
    how = RegionSettings(
        context=request.context, proposals=request.proposals, per_image=request.regions
    )
    listener = request.listener or Silence()
    listener.say(
        f"{data.train.address}: {len(data.train):,} images to learn from, {len(data.val):,} to "
        f"check on; {len(data.train.classes)} classes"
    )
    listener.say(f"sets: {data.rule}")
    for note in data.train.notes:
        listener.say(f"note: {note}")
    return RcnnRun(
        folder=folder,
        request=request,
        data=data,
        how=how,
        side=side,
        train=train,
        listener=listener,
        start_time=start_time,
    )  # fmt: skip


def train_rcnn(run: RcnnRun) -> tuple[RcnnCard, DetectionScores]:
    """Do every step that is missing, and score the detector.

    Raises:
        Interrupted: asked to stop; what is done is kept.
        TrainingError, RunError: a training cannot go on, or a file cannot be written.
    """
    detector: RcnnDetector | None = None
    for number in range(1, run.request.rounds + 1):
        detector = _round(run, number, detector)
    if detector is None:  # rounds is at least 1
        raise RunError(str(run.folder))
    if not run.request.no_regression:
        features, regions, truth, labels = regression_data(
            detector, run.data.train.images, _ticker(run, "fitting boxes", len(run.data.train))
        )
        regression = fit(features, regions, truth, labels, len(run.classes))
        detector = replace(detector, regression=regression)
    step = -(-len(run.data.val) // _CHECKED)
    show = scored(run, detector, run.data.val.images[::step], "val").best_score()
    name, images = run.data.scored
    scores = scored(run, detector, images.images, name)
    metrics = RcnnMetrics(
        set=name,
        images=scores.images,
        map50=_or_none(scores.map50),
        ap50={one.name: _or_none(one.ap50) for one in scores.classes},
    )
    card = RcnnCard(
        classes=run.classes, classifiers=(), settings=run.how, show=show, metrics=metrics
    )
    last = run.folder / f"round-{run.request.rounds}"
    models = [last / f"classifier-{one + 1}" / "model" for one in range(run.request.ensemble)]
    return write_rcnn(run.folder / "model", card, models, detector.regression), scores


def scored(
    run: RcnnRun, detector: RcnnDetector, images: Sequence[AnnotatedImage], name: str
) -> DetectionScores:
    """Find the objects of some images, and compare them with the truth."""
    tick, found = _ticker(run, f"finding objects in {name}", len(images)), list[Detections]()
    for number, image in enumerate(images, 1):
        found.append(detector.detect(image.pixels()))
        tick(number)
    return score(images, found, detector.classes)


def _round(run: RcnnRun, number: int, earlier: RcnnDetector | None) -> RcnnDetector:
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
        run.listener.say(f"round {number}: {total:,} regions")
    for one in range(count):
        out = folder / f"classifier-{one + 1}"
        if (out / "model" / CARD).is_file():
            continue
        before = run.folder / f"round-{number - 1}" / out.name
        left = (run.request.rounds - number) * count + count - one
        training = Training(
            data=regions,
            out=out,
            start=before if number > 1 else run.request.from_,
            side=run.side,
            settings=(*RECIPE, *run.request.settings),
            seed=run.request.seed + one,
            budget=_share(run, left),
        )
        run.train(training)
    models = [load(folder / f"classifier-{one + 1}") for one in range(count)]
    return assemble(run.classes, tuple(models), run.how)


def _share(run: RcnnRun, trainings: int) -> str:
    """The budget of the next of some trainings.

    Raises:
        RecipeError: no time is left.
    """
    budget = run.request.budget or EACH_ROUND
    if not isinstance(limit := parse_budget(budget), Time):
        return budget
    left = limit.seconds - (monotonic() - run.start_time)
    share = _TRAINING * left / trainings
    if share < 1:
        msg = f"--budget {budget} leaves no time for {trainings} trainings; give more, fewer "
        raise RecipeError(msg + "--rounds, or a smaller --ensemble")
    return f"{share:.1f}s"


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
            proposals = propose(image.pixels(), how.search)
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
        "model": run.folder / "model",
        "seconds": monotonic() - run.start_time,
        **{key: card.metrics.get(key) for key in ("set", "images", "map50", "ap50")},
    }
