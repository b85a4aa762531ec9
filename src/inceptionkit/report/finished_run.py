"""A finished run as its folder tells it: what the pages of one run and of several show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from inceptionkit.data import Unusable
from inceptionkit.derive import NetCost, cost
from inceptionkit.errors import RunError
from inceptionkit.evaluation.calibration import Bin, binned
from inceptionkit.evaluation.confidence import wilson
from inceptionkit.evaluation.early_exit import ExitMacs, exit_index
from inceptionkit.evaluation.metrics import ClassScore, Confusion, class_scores, confusion
from inceptionkit.records import LARGEST
from inceptionkit.text import is_measured
from inceptionkit.training.run import folder as folders
from inceptionkit.training.run.batch import SeenBatch, read_seen_batch
from inceptionkit.training.run.record import Record, read_record

_POINTS = 40  # of the curve

Epoch: TypeAlias = Mapping[str, float]  # a row of log.csv; what was not measured is not in it
Rows: TypeAlias = Sequence[Mapping[str, str]]  # of predictions.csv
Curve: TypeAlias = tuple[tuple[float, float], ...]  # mean MACs for an image, and top-1


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitResult:
    """What one exit gets right and what it costs to get there."""

    name: str  # "aux1", ..., "main"
    after: str  # the trunk block it reads
    macs: int  # from the image to its scores, its own head counted
    share_of_macs: float  # of the whole network's, exits left out
    top1: float | None
    top5: float | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class FinishedRun:
    """A run, what it scored, and what its network costs."""

    folder: Path
    record: Record
    result: Mapping[str, Any]  # of run.json
    cost: NetCost
    epochs: tuple[Epoch, ...]
    exits: tuple[ExitResult, ...]  # in trunk order, main last
    curve: Curve  # what stopping at the first confident exit gives, the cheapest first
    predictions: Rows
    confusion: Confusion  # (classes, classes) images; rows true
    bins: tuple[Bin, ...]  # answers by confidence
    unusable: tuple[Unusable, ...]
    batch: SeenBatch | None = None  # as the network saw it

    @property
    def data(self) -> str:
        """Name of the images."""
        return Path(self.record.data["address"]).name

    @property
    def title(self) -> str:
        """Such as "digits with compact"."""
        return f"{self.data} with {self.record.architecture.name}"

    @property
    def began_at(self) -> str:
        """When the run began: equal runs make equal pages."""
        return f"{datetime.fromisoformat(self.record.made_at):%Y-%m-%d %H:%M} UTC"

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names, in the order of the confusion matrix."""
        return tuple(self.record.data["classes"])

    @property
    def images(self) -> int:
        """Images that were scored."""
        return int(self.confusion.sum())

    @property
    def misread(self) -> int:
        """Images that were given another class."""
        return self.images - int(self.confusion.trace())

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval of the top-1; None where nothing was scored."""
        top1 = self.result["top1"]
        return wilson(top1, self.images) if is_measured(top1) and self.images else None

    @property
    def class_scores(self) -> tuple[ClassScore, ...]:
        """Precision, recall and F1 of each class."""
        return class_scores(self.confusion, self.classes)


def read_run(folder: Path) -> FinishedRun:
    """Read a run.

    Raises:
        RunError: there is none, or it has not ended.
    """
    record = read_record(folder)
    if record.result is None:
        msg = f"{folder}: the run has not ended; finish it with `{folders.how_to_resume(folder)}`"
        raise RunError(msg)
    return finished_run(folder, record, record.result)


def finished_run(folder: Path, record: Record, result: Mapping[str, Any]) -> FinishedRun:
    """A run whose record is known; its result need not be written yet.

    Raises:
        RunError: a CSV file of the run is damaged.
    """
    net_cost, classes = cost(record.architecture), tuple(record.data["classes"])
    exits = [exit_.name for exit_ in record.architecture.exits]
    rows = _predictions(folder / folders.PREDICTIONS, classes, exits)
    number = {name: i for i, name in enumerate(classes)}
    labels, guesses = (
        np.array([number[row[key]] for row in rows], np.int64) for key in ("truth", "guess")
    )
    return FinishedRun(
        folder=folder,
        record=record,
        result=result,
        cost=net_cost,
        epochs=_epochs(folder / folders.LOG),
        exits=_exit_results(net_cost, result),
        curve=early_exit_curve(net_cost, rows),
        predictions=rows,
        confusion=confusion(guesses, labels, len(classes)),
        bins=binned(np.array([float(row["probability"]) for row in rows]), labels == guesses),
        unusable=tuple(
            Unusable(row["path"], row["reason"])
            for row in folders.read_rows(folder / folders.UNUSABLE, ("path", "reason"))
        ),
        batch=read_seen_batch(folder),
    )


def _predictions(path: Path, classes: Sequence[str], exits: Sequence[str]) -> Rows:
    """Rows of predictions.csv whose names are classes, and whose confidences are shares."""
    rows = folders.read_rows(path, ("path", "truth", "guess", "probability", *exits))
    shares = ["probability", *(f"{name}_probability" for name in exits)]
    known = frozenset(classes)
    for place, row in enumerate(rows, 2):
        if odd := [row[key] for key in ("truth", "guess", *exits) if row[key] not in known]:
            raise folders.damaged(path, f"row {place} has {odd[0]!r:.80}, which is no class")
        if odd := [row[key] for key in shares if key in row and not _is_share(row[key])]:
            raise folders.damaged(path, f"row {place} has the probability {odd[0]!r:.80}")
    return rows


def _is_share(text: str) -> bool:
    try:
        return 0.0 <= float(text) <= 1.0
    except ValueError:
        return False


def _epochs(path: Path) -> tuple[Epoch, ...]:
    """Rows of log.csv, of which every page shows these columns."""
    rows = folders.read_rows(path, ("epoch", "seconds", "lr"))
    try:
        numbers = [{key: float(value) for key, value in row.items() if value} for row in rows]
    except ValueError as error:
        raise folders.damaged(path, str(error)) from error
    for place, row in enumerate(numbers, 2):
        missing = not {"epoch", "seconds", "lr"} <= row.keys()
        if missing or not all(abs(number) < LARGEST for number in row.values()):
            raise folders.damaged(path, f"row {place} lacks a number, or has one of unusual size")
    return tuple(numbers)


def _exit_results(net_cost: NetCost, result: Mapping[str, Any]) -> tuple[ExitResult, ...]:
    """Accuracy and cost of every exit, main last."""
    answers = [(row.exit.name, row.exit.after, row.macs_to_here) for row in net_cost.exits]
    answers.append(("main", net_cost.net.trunk[-1][0], net_cost.without_exits.macs))
    scores = {**result["exits"], "main": result}
    return tuple(
        ExitResult(
            name=name,
            after=after,
            macs=macs,
            share_of_macs=macs / net_cost.without_exits.macs,
            top1=scores[name]["top1"],
            top5=scores[name]["top5"],
        )
        for name, after, macs in answers
    )


def early_exit_curve(net_cost: NetCost, rows: Rows) -> Curve:
    """Work and top-1 of stopping at the first confident exit, for thresholds from low to high.

    Nothing where predictions.csv does not have the confidence of the exits.
    """
    names = [row.exit.name for row in net_cost.exits]
    if not rows or not names or any(f"{name}_probability" not in rows[0] for name in names):
        return ()
    confidences = np.array([[float(row[f"{name}_probability"]) for row in rows] for name in names])
    right = np.array([[row[name] == row["truth"] for row in rows] for name in (*names, "guess")])
    macs, images = ExitMacs.of(net_cost).spent(), np.arange(len(rows))
    points = []
    for threshold in [*np.quantile(confidences, np.linspace(0, 1, _POINTS)).tolist(), 2.0]:
        stops = exit_index(confidences, [threshold] * len(names))
        points.append((float(macs[stops].mean()), float(right[stops, images].mean())))
    return tuple(dict.fromkeys(points))
