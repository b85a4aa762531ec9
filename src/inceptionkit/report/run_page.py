"""`report`: the page of a run, from what its folder holds."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inceptionkit.data import Dataset, open_dataset, split_dataset
from inceptionkit.data.loading.read import at_depth
from inceptionkit.derive.diagram import draw
from inceptionkit.errors import InceptionError
from inceptionkit.evaluation.calibration import Bin, believable_from, calibration_error
from inceptionkit.evaluation.heat_colors import INFERNO
from inceptionkit.evaluation.metrics import ClassScore
from inceptionkit.files import write_whole
from inceptionkit.report import charts
from inceptionkit.report.advice import epoch_number, kept_epoch, next_steps
from inceptionkit.report.confusion import anchor, confused_pairs, matrix, natural_width
from inceptionkit.report.cost_charts import exits_against_cost, reliability_diagram
from inceptionkit.report.finished_run import Epoch, FinishedRun, finished_run, read_run
from inceptionkit.report.headline import in_short, tiles
from inceptionkit.report.html import Link, fill
from inceptionkit.report.pictures import FEW, Album, load_for_evidence, make_album, svg_address
from inceptionkit.text import (
    duration,
    learning_rate,
    listing,
    loss,
    percent,
    shell_word,
)
from inceptionkit.training.run import folder as folders
from inceptionkit.training.run.record import Record
from inceptionkit.training.run.repeat import reading, repeat

_SHOWN_UNUSABLE = 200  # rows; `unusable.csv` has them all
_SHOWN_PAIRS, _SHOWN_PAIRS_OF_MANY = 5, 12  # most confused pairs; many: over `FEW` classes
_SMALL_ERROR, _MEDIUM_ERROR = 0.02, 0.05  # of calibration: not worth a word; worth a small one
_CHANCES = 1.5  # times the error that a calibrated model has in the mean, for which it may pass
_SECTIONS = (
    Link(anchor="learning", title="Learning"),
    Link(anchor="classes", title="Classes"),
    Link(anchor="mistakes", title="Mistakes"),
    Link(anchor="labels", title="Labels"),
    Link(anchor="next", title="Try next"),
    Link(anchor="exits", title="Exits"),
    Link(anchor="confidence", title="Confidence"),
    Link(anchor="examples", title="Examples"),
    Link(anchor="batch", title="Batch"),
    Link(anchor="repeat", title="Use it"),
    Link(anchor="decisions", title="Decisions"),
    Link(anchor="cost", title="Cost"),
    Link(anchor="data", title="Data"),
    Link(anchor="unusable", title="Unusable"),
    Link(anchor="machine", title="Machine"),
)


def report(folder: Path) -> Path:
    """Write the page of a finished run again.

    The pictures come from the images themselves; where those are gone the page goes without.

    Returns:
        Path of the page.

    Raises:
        RunError: there is no run, or it has not ended.
    """
    run = read_run(folder)
    try:
        found = open_dataset(run.record.source)
        dataset: Dataset | None = at_depth(found, run.record.preprocessing.depth)
    except InceptionError:
        dataset = None
    return _write(run, dataset)


def write_report(folder: Path, record: Record, result: Mapping[str, Any], dataset: Dataset) -> Path:
    """Write report.html of a run that has just been scored."""
    return _write(finished_run(folder, record, result), dataset)


def _write(run: FinishedRun, dataset: Dataset | None) -> Path:
    album = make_album(
        run.predictions,
        dataset,
        load_for_evidence(run.folder / folders.MODEL),
        classes=run.classes,
        exits=[exit_.name for exit_ in run.record.architecture.exits],
        floor=believable_from(run.bins),
    )
    page = run.folder / folders.PAGE
    write_whole(page, render(run, album, _class_images(run.record, dataset)))
    return page


def _class_images(record: Record, dataset: Dataset | None) -> dict[str, dict[str, int]]:
    """Images of every class in every set; nothing where the data is gone or has changed."""
    if dataset is None or dataset.fingerprint() != record.data["fingerprint"]:
        return {}
    sets = split_dataset(
        dataset, record.request.split_seed, duplicate_groups=record.data.get("duplicate_groups", ())
    )
    if sets.rule != record.data["rule"]:  # what an earlier training saw was moved
        return {}
    labels, count = dataset.samples.labels, len(dataset.classes)
    counts = {
        name: np.bincount(labels[indices], minlength=count).tolist()
        for name, indices in (("train", sets.train), ("val", sets.val), ("test", sets.test))
        if len(indices)
    }
    return {
        name: {part: images[i] for part, images in counts.items()}
        for i, name in enumerate(dataset.classes)
    }


def render(run: FinishedRun, album: Album, class_images: Mapping[str, Mapping[str, int]]) -> str:
    """The page as one HTML document; equal runs give equal bytes.

    Args:
        run: what it is about.
        album: pictures.
        class_images: class -> set -> images, "train" first; nothing where they are not known.
    """
    many, names = len(run.classes) > FEW, [row.name for row in run.exits]
    limit = _SHOWN_PAIRS_OF_MANY if many else _SHOWN_PAIRS
    curves = [
        curve(run.epochs) for curve in (charts.loss_curves, charts.top1_curves, charts.rate_curve)
    ]
    costs = [row.cost for row in run.cost.blocks] + [row.own for row in run.cost.exits]
    return fill(
        "run.html.j2",
        title=run.title,
        made_at=run.began_at,
        sections=_SECTIONS,
        run=run,
        album=album,
        few=FEW,
        anchor=anchor,
        in_short=in_short(run),
        advice=next_steps(run, album.suspect_count),
        facts=tiles(run),
        kept_epoch=kept_epoch(run),
        floor=believable_from(run.bins),
        believed=_believed(run),
        heat_colors=", ".join(INFERNO),
        set_sizes=_set_sizes(run.record.data["sets"]),
        decisions=(*run.record.reasons, run.record.describe_execution()),
        plans=[plan for plan in run.record.plans if plan.seconds_left is not None],
        steps_per_epoch=_steps_per_epoch(run.record),
        curves=[figure for figure in curves if figure is not None],
        has_val=any("val_loss" in row for row in run.epochs),
        learning_facts=learning_facts(run.epochs),
        exits_figure=exits_against_cost(run.exits, run.images, run.curve),
        inks={name: charts.exit_ink(name, names) for name in names},
        matrix=matrix(run.confusion, run.classes, album.cells) if run.images else None,
        matrix_width=natural_width(len(run.classes)),
        pairs=confused_pairs(run.confusion, run.classes, limit=limit),
        class_scores=weakest_first(run.class_scores),
        reliability=reliability_diagram(run.bins),
        calibration_error=calibration_error(run.bins),
        calibration=calibration(run.bins),
        diagram=svg_address(draw(run.record.architecture)),
        most_macs=max(1, *(line.macs for line in costs)),
        class_images=class_images,
        most_images=max((sum(row.values()) for row in class_images.values()), default=0),
        shown_unusable=_SHOWN_UNUSABLE,
        commands=_commands(run.folder, run.record),
    )


def weakest_first(scores: Sequence[ClassScore]) -> list[ClassScore]:
    """Classes by F1, those without one last; equals keep their order."""
    return sorted(scores, key=lambda row: (row.f1 is None, row.f1 or 0.0))


def _steps_per_epoch(record: Record) -> int:
    images: int = record.data["sets"]["train"]
    return max(1, images // min(images, record.recipe.batching.batch))


def _believed(run: FinishedRun) -> float | None:
    """Share of the answers that are right from the confidence on at which it is believed."""
    floor = believable_from(run.bins)
    rows = [row for row in run.predictions if floor is not None]
    sure = [row for row in rows if float(row["probability"]) >= (floor or 0.0)]
    return sum(row["guess"] == row["truth"] for row in sure) / len(sure) if sure else None


def _set_sizes(images: Mapping[str, int]) -> str:
    """The sets and their images.

    >>> _set_sizes({"train": 1293, "val": 144, "test": 360})
    '1,293 train, 144 val and 360 test images'
    """
    return f"{listing([f'{count:,} {name}' for name, count in images.items()])} images"


def learning_facts(epochs: tuple[Epoch, ...]) -> dict[str, str]:
    """What is worth a line beside the learning curves; nothing without an epoch."""
    if not epochs:
        return {}

    def at_epoch(key: str, *, best: Epoch, value: str) -> str:
        return f"{value} at epoch {epoch_number(best)}" if key in best else value

    last = epochs[-1]
    best = max(epochs, key=lambda row: row.get("val_top1", -1.0))
    low = min(epochs, key=lambda row: row.get("val_loss", math.inf))
    return {
        "epochs": epoch_number(last),
        "time per epoch": duration(last["seconds"] / last["epoch"] if last["epoch"] else None),
        "best top-1 on val": at_epoch("val_top1", best=best, value=percent(best.get("val_top1"))),
        "lowest loss on val": at_epoch("val_loss", best=low, value=loss(low.get("val_loss"))),
        "highest learning rate": learning_rate(max(row["lr"] for row in epochs)),
        "last learning rate": learning_rate(last["lr"]),
    }


def calibration(bins: Sequence[Bin]) -> str:
    """Whether the answers are right as often as they promise, in one sentence.

    The words follow the calibration error. A model can be over-confident in some answers and
    under-confident in others while the means agree. Few images have an error by chance.
    """
    error, images = calibration_error(tuple(bins)), sum(row.images for row in bins)
    if error is None:
        return ""
    confidence = sum(row.images * row.confidence for row in bins) / images
    top1 = sum(row.images * row.top1 for row in bins) / images
    spread = (row.images * row.confidence * (1 - row.confidence) for row in bins)
    by_chance = math.sqrt(2 / math.pi) * sum(map(math.sqrt, spread)) / images
    verdict = "over-confident" if confidence > top1 else "under-confident"
    if error < _SMALL_ERROR:
        verdict = "well calibrated"
    elif abs(confidence - top1) < error / 2:
        verdict = "over-confident in some answers and under-confident in others"
    elif error < _MEDIUM_ERROR:
        verdict = f"slightly {verdict}"
    doubt = (
        f" However, chance alone gives an error of about {percent(by_chance)} on so few images."
        if _SMALL_ERROR <= error < _CHANCES * by_chance
        else ""
    )
    return (
        f"Mean confidence is {percent(confidence)}, accuracy {percent(top1)}, and the calibration "
        f"error {percent(error)}: the model is {verdict}.{doubt}"
    )


def _commands(folder: Path, record: Record) -> dict[str, str]:
    """What to type next, and to do it again: purpose -> command."""
    run_word = shell_word(folder)
    data_words = shlex.join([record.data["address"], *reading(record)])
    exits = f"inceptionkit evaluate {run_word} {data_words} --exits --store"
    return {
        "Repeat this run": repeat(folder, record),
        "Classify images": f"inceptionkit predict {run_word} IMAGE...",
        "Score it again": f"inceptionkit evaluate {run_word} {data_words}",
        **(
            {"Choose when to stop at an exit, and keep it": exits}
            if record.architecture.exits
            else {}
        ),
        "See where it looks": f"inceptionkit explain {run_word} IMAGE...",
        "Write this page again": f"inceptionkit report {run_word}",
    }
