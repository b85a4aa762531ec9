"""The numbers of a run's page: exits, classes, confidence and cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.derive import NetCost
from inceptionkit.derive.cost import BYTES_PER_CELL
from inceptionkit.evaluation.calibration import Bin, binned
from inceptionkit.evaluation.early_exit import ExitMacs, exit_index
from inceptionkit.evaluation.metrics import class_scores
from inceptionkit.report import content as shown

POINTS = 40  # of the curve
Rows: TypeAlias = Sequence[Mapping[str, str]]  # of predictions.csv


def exits(priced: NetCost, result: Mapping[str, Any]) -> list[shown.ExitRow]:
    """Accuracy and cost of every exit, main last."""
    rows = [
        shown.ExitRow(
            name=row.exit.name,
            after=row.exit.after,
            macs=row.macs_to_here,
            share_of_macs=row.macs_to_here / priced.answer.macs,
            top1=result["exits"][row.exit.name]["top1"],
            top5=result["exits"][row.exit.name]["top5"],
        )
        for row in priced.exits
    ]
    last = priced.net.trunk[-1][0]
    main = shown.ExitRow(
        name="main",
        after=last,
        macs=priced.answer.macs,
        share_of_macs=1.0,
        top1=result["top1"],
        top5=result["top5"],
    )
    return [*rows, main]


def confusion_of(rows: Sequence[Mapping[str, str]], classes: Sequence[str]) -> NDArray[np.int64]:
    """(classes, classes) counts, rows true, from predictions.csv."""
    number = {name: i for i, name in enumerate(classes)}
    matrix = np.zeros((len(classes), len(classes)), np.int64)
    for (truth, guess), count in Counter((r["truth"], r["guess"]) for r in rows).items():
        matrix[number[truth], number[guess]] = count
    return matrix


def class_rows(matrix: NDArray[np.int64], classes: tuple[str, ...]) -> list[shown.ClassRow]:
    """Precision, recall and F1 per class."""
    return [
        shown.ClassRow(
            name=one.name, images=one.images, precision=one.precision, recall=one.recall, f1=one.f1
        )
        for one in class_scores(matrix, classes)
    ]


def confidences(rows: Rows) -> tuple[Bin, ...]:
    """Groups of about equally confident answers of main."""
    sure = np.array([float(row["probability"]) for row in rows])
    return binned(sure, np.array([row["truth"] == row["guess"] for row in rows], bool))


def curve(priced: NetCost, rows: Rows) -> tuple[shown.CurvePoint, ...]:
    """What stopping at the first exit that is sure enough gives, for thresholds from low to high.

    Nothing where predictions.csv is of a version that did not say how sure the exits are.
    """
    names = [row.exit.name for row in priced.exits]
    if not rows or not names or any(f"{name}_probability" not in rows[0] for name in names):
        return ()
    sure = np.array([[float(row[f"{name}_probability"]) for row in rows] for name in names])
    right = np.array([[row[name] == row["truth"] for row in rows] for name in (*names, "guess")])
    macs = ExitMacs.of(priced).spent()
    images = np.arange(len(rows))
    found = []
    for threshold in [*np.quantile(sure, np.linspace(0, 1, POINTS)).tolist(), 2.0]:
        stops = exit_index(sure, [threshold] * len(names))
        point = shown.CurvePoint(
            macs=float(macs[stops].mean()), top1=float(right[stops, images].mean())
        )
        found.append(point)
    return tuple(dict.fromkeys(found))


def cost_rows(priced: NetCost) -> list[shown.CostRow]:
    """The cost table: trunk and head, then the exits' heads."""
    rows = [
        shown.CostRow(
            block=row.at,
            output="x".join(map(str, (row.y.channels, *row.y.size))),
            params=row.cost.params,
            macs=row.cost.macs,
            activation_bytes=row.cost.cells * BYTES_PER_CELL,
            receptive_field=None if row.at == "head" else row.y.view[0],
        )
        for row in priced.blocks
    ]
    return rows + [
        shown.CostRow(
            block=f"{row.exit.name} after {row.exit.after}",
            output=f"{row.own.cells}",
            params=row.own.params,
            macs=row.own.macs,
            activation_bytes=row.own.cells * BYTES_PER_CELL,
            is_exit=True,
        )
        for row in priced.exits
    ]
