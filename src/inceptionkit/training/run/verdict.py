"""What a score is worth: beside chance, and beside always naming the largest class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import log, sqrt
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from inceptionkit.text import plural, shell_word
from inceptionkit.training.run.record import NothingLearned, Record
from inceptionkit.training.run.repeat import repeat
from inceptionkit.training.updates import with_lr

_SHORT = 200  # steps below which a run that learned nothing was too short
_FELL = 0.95  # times the loss of guessing: below that a run learned something
_DEAD = 0.5  # share of ReLUs that never fire: the steps were too large
_LONGER, _LOWER = 10, 10  # times as many epochs; times as small a learning rate: what to try


class Baselines(TypedDict):
    """What needs no learning."""

    chance: float
    largest_class: str
    largest_class_top1: float


def baselines(
    classes: Sequence[str], trained: NDArray[np.int64], labels: NDArray[np.int64]
) -> Baselines:
    """Top-1 of guessing, and of always naming the class that has most training images.

    Args:
        classes: names.
        trained: labels of the training images.
        labels: of the scored images.
    """
    largest = int(np.bincount(trained, minlength=len(classes)).argmax())
    return Baselines(
        chance=1.0 / len(classes),
        largest_class=classes[largest],
        largest_class_top1=float((labels == largest).mean()),
    )


def nothing_learned(
    folder: Path,
    record: Record,
    rows: Sequence[Mapping[str, Any]],
    guesses: NDArray[np.int64],
    labels: NDArray[np.int64],
) -> NothingLearned | None:
    """What shows that a run learned nothing, why that may be, and what to try; None if it did.

    Args:
        folder: of the run.
        record: of it.
        rows: of log.csv.
        guesses: classes that main predicts for the scored images.
        labels: their classes.
    """
    classes = record.data["classes"]
    chance = 1.0 / len(classes)
    present = np.unique(labels)
    recall = float(np.mean([(guesses[labels == one] == one).mean() for one in present]))
    if len(np.unique(guesses)) == 1 and len(present) > 1:
        says = f"every image is classified as {classes[guesses[0]]!r}"
    elif recall <= chance + 2.0 * sqrt(chance * (1.0 - chance) / len(labels)) and rows[-1][
        "val_loss"
    ] > _FELL * log(len(classes)):
        says = f"its mean recall of {100 * recall:.1f} % is that of guessing"
    else:
        return None
    cause, command = _remedy(folder, record, rows)
    return NothingLearned(says=says, cause=cause, command=command)


def _remedy(folder: Path, record: Record, rows: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """The likely cause, and a command to try."""
    recipe, steps = record.recipe, int(rows[-1]["step"])
    rose = any(rows[-1][key] > rows[0][key] for key in ("train_loss", "val_loss"))
    if rose or rows[-1]["dead_relus"] > _DEAD:
        lr = float(f"{recipe.optimizer.lr / _LOWER:.2g}")
        lower = replace(record, recipe=replace(recipe, optimizer=with_lr(recipe.optimizer, lr)))
        return f"the learning rate of {recipe.optimizer.lr:g} is too high", repeat(folder, lower)
    if steps < _SHORT:
        epochs = max(1, round(_LONGER * rows[-1]["epoch"]))
        request = replace(record.request, budget=None, epochs=epochs)
        longer = repeat(folder, replace(record, request=request))
        return f"the run is too short: {plural(steps, 'step')}", longer
    data_word = shell_word(record.data["address"])
    return "the labels do not say what the images show", f"inceptionkit check {data_word}"
