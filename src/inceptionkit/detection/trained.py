"""How a detector was trained: what the page of its run shows beside the scores."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import cast

import numpy as np

from inceptionkit.detection.division import DividedSet
from inceptionkit.detection.types import DetectionSet
from inceptionkit.options import Argument, Option, parameters, several
from inceptionkit.report.charts import rate_curve
from inceptionkit.report.finished_run import Epoch
from inceptionkit.report.html import Link
from inceptionkit.report.lines import Figure, Line, chart, column
from inceptionkit.text import duration, learning_rate, listing, loss, percent, whole_percent
from inceptionkit.training.schedule import Plan

LEARNING = Link(anchor="learning", title="Learning")
AFTERWARDS = (
    Link(anchor="repeat", title="Use it"),
    Link(anchor="decisions", title="Decisions"),
    Link(anchor="recipe", title="Recipe"),
    Link(anchor="data", title="Data"),
    Link(anchor="machine", title="Machine"),
)
"""Sections of a run's page, behind those of every page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A run that trained a detector. What it does not have stays empty.

    Attributes:
        made_at: when the run began, in ISO format.
        data: address of the images.
        network: that was trained, such as "compact at 320x256 pixels".
        start: where its weights come from, such as "scratch".
        sets: the images of each set, and how they were divided.
        fingerprint: of the images.
        epochs: rows of log.csv; what was not measured is not in them.
        kept: which of their weights the detector has, a sentence.
        pages: of the trainings that it consists of: title -> address beside this page.
        facts: of the whole run, such as "training time".
        notes: a sentence each, for the head of the page.
        decisions: what was chosen, and why.
        plans: for a budget of time.
        steps_per_epoch: of the plans.
        recipe: setting -> value.
        machine: what it ran on, with versions.
        commands: purpose -> what to type.
    """

    made_at: str
    data: str
    network: str
    start: str
    sets: DividedSet
    fingerprint: str = ""
    epochs: Sequence[Epoch] = ()
    kept: str = ""
    pages: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    decisions: Sequence[str] = ()
    plans: Sequence[Plan] = ()
    steps_per_epoch: int = 1
    recipe: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, object] = field(default_factory=dict)
    commands: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Such as "cells with compact"."""
        return f"{Path(self.data).name} with {self.network.partition(' ')[0]}"

    @property
    def began_at(self) -> str:
        """When the run began: equal runs make equal pages."""
        return f"{datetime.fromisoformat(self.made_at):%Y-%m-%d %H:%M} UTC"

    @property
    def sizes(self) -> str:
        """Such as "12 train and 4 val images"."""
        parts = [f"{len(some):,} {name}" for name, some in self._sets().items() if len(some)]
        return f"{listing(parts)} images"

    @property
    def limited(self) -> list[Plan]:
        """The plans for a budget of time."""
        return [plan for plan in self.plans if plan.seconds_left is not None]

    def objects(self) -> dict[str, dict[str, int]]:
        """Class -> set -> objects."""
        classes = self.sets.train.classes
        counts = {
            name: np.bincount(
                np.concatenate([image.labels for image in some]), minlength=len(classes)
            ).tolist()
            for name, some in self._sets().items()
            if len(some)
        }
        return {
            klass: {name: row[number] for name, row in counts.items()}
            for number, klass in enumerate(classes)
        }

    def _sets(self) -> dict[str, DetectionSet]:
        return {"train": self.sets.train, "val": self.sets.val, "test": self.sets.test}


def curves_of(epochs: Sequence[Epoch]) -> list[Figure]:
    """Loss, average precision on val, and learning rate over epochs; those that were recorded."""
    lines = (
        Line(name="COCO AP", points=column(epochs, "val_map"), ink=1, dashed=True),
        Line(name="IoU 0.5", points=column(epochs, "val_map50"), ink=0),
    )
    title = "Mean average precision on val"
    precision = chart("map", title, lines, say=percent, tick=whole_percent, most=1.0)
    trained = Line(name="train", points=column(epochs, "train_loss"), ink=0)
    every = (chart("loss", "Training loss", (trained,), loss), precision, rate_curve(epochs))
    return [figure for figure in every if figure is not None]


def learning_facts(epochs: Sequence[Epoch]) -> dict[str, str]:
    """What is worth a line beside the learning curves; nothing without an epoch."""
    if not epochs:
        return {}

    def best(key: str) -> str:
        row = max(epochs, key=lambda row: row.get(key, -math.inf))
        return f"{percent(row[key])} at epoch {row['epoch']:g}" if key in row else percent(None)

    last = epochs[-1]
    rates = [row["lr"] for row in epochs if "lr" in row]
    return {
        "epochs": f"{last['epoch']:g}",
        "time per epoch": duration(last["seconds"] / last["epoch"]),
        "best mAP at IoU 0.5 on val": best("val_map50"),
        "best COCO AP on val": best("val_map"),
        **({"highest learning rate": learning_rate(max(rates))} if rates else {}),
        **({"last learning rate": learning_rate(rates[-1])} if rates else {}),
    }


def as_typed(verb: str, request: object) -> str:
    """The command that asks for the same again, in another folder; a default is left out.

    Args:
        verb: such as "detect train".
        request: its request.
    """
    words, kind = ["inceptionkit", *verb.split()], cast(Callable[..., object], type(request))
    for one in parameters(kind):
        value = getattr(request, one.name)
        if isinstance(one.stated, Argument):
            words += several(value)
        elif isinstance(one.stated, Option) and one.name != "out" and value != one.default:
            words += [one.flags[0]] if value is True else [one.flags[0], str(value)]
    return shlex.join(words)
