"""What to try next, from the facts of one run, and why the kept model is not that of another epoch.

Each rule looks at numbers that the run has measured. What none of them supports is not advised.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from inceptionkit.evaluation.confidence import wilson
from inceptionkit.report.confusion import confused_pairs
from inceptionkit.report.finished_run import Epoch, FinishedRun
from inceptionkit.text import is_measured, loss, percent, plural, points, shell_word, whole_percent
from inceptionkit.training.budget import Epochs, Time
from inceptionkit.training.recipe import override
from inceptionkit.training.run.repeat import limit, reading, repeat

_MOST = 4  # pieces of advice
_RISE = 0.02  # of top-1 in the last quarter of the run: more training would help
_LOSS_RISE = 1.1  # times its lowest, that val loss has at the end: the model learns by heart
_FEW = 10_000  # training images with which released weights are a better start
_PHOTO = 64  # pixels of the input from which released weights know what they see
_GOOD = 0.97  # top-1 beyond which more training is not what is missing
_PAIR = 0.25  # share of the mistakes that one pair of classes has
_PAIR_IMAGES = 4
_WEAK = 0.15  # of recall, that a class is below the mean
_NEAR, _CHEAP = 0.01, 0.85  # top-1 that an exit loses, share of the work that it does
_WIDE = 0.08  # of the interval: too few images to tell good from better


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One thing to try."""

    fact: str  # what this run measured
    action: str  # what to do about it
    command: str = ""  # to type


def next_steps(run: FinishedRun, suspects: int = 0) -> tuple[Advice, ...]:
    """What to try next, the most useful first; at most four.

    Args:
        run: that has ended.
        suspects: labels of the scored images that may be wrong.
    """
    if not run.images:
        return ()
    if (one := _learned_nothing(run)) is not None:
        return (one,)
    rules = (
        _longer(run),
        _pretrained(run),
        _learned_by_heart(run),
        _labels(run, suspects),
        _weak_class(run),
        _pair(run),
        _exit(run),
        _more_images(run),
    )
    found = tuple(islice((one for one in rules if one is not None), _MOST))
    return found if len(found) > 1 else (*found, _deploy(run))


def _learned_nothing(run: FinishedRun) -> Advice | None:
    """What the end of the run found."""
    found = run.result.get("nothing_learned")
    if found is None:
        return None
    return Advice(
        fact=f"This run learned nothing: {found['says']}.",
        action=f"The likely cause: {found['cause']}. Try this:",
        command=found["command"],
    )


def _longer(run: FinishedRun) -> Advice | None:
    """Top-1 on val still rose when the run ended."""
    rows = [row for row in run.epochs if "val_top1" in row]
    if not rows or run.result["top1"] > _GOOD:
        return None
    last, early = rows[-1], [r for r in rows if r["epoch"] <= 0.75 * rows[-1]["epoch"]]
    if last["epoch"] < 5:
        fact = f"The run saw each training image {last['epoch']:.2g} times; 30 times are usual."
    elif early and last["val_top1"] - early[-1]["val_top1"] >= _RISE:
        rise = points(last["val_top1"] - early[-1]["val_top1"]).removeprefix("+")
        fact = f"Top-1 on val rose by {rise} points in the last quarter of the run."
    else:
        return None
    match run.record.budget:
        case Time(seconds):
            budget = f"{max(1, round(3 * seconds / 60))}min"
        case Epochs(epochs):
            budget = f"{3 * epochs}epochs"
        case _:
            budget = "1h"
    request = replace(run.record.request, budget=budget, epochs=None)
    return Advice(
        fact=fact,
        action="Train for longer: the learning rate is planned for the whole of the new time.",
        command=repeat(run.folder, replace(run.record, request=request)),
    )


def _pretrained(run: FinishedRun) -> Advice | None:
    """There are few images, and the weights were random."""
    images, size = run.record.data["sets"]["train"], run.record.preprocessing.size
    few = images < _FEW and size >= _PHOTO and run.result["top1"] < _GOOD
    if run.record.start is not None or not few:
        return None
    asked = run.record.request
    budget = limit(run.record.budget) if asked.budget or asked.epochs else []
    words = ["inceptionkit", "train", *_data(run), *budget, "--from", "torchvision/googlenet"]
    return Advice(
        fact=f"The network was trained from random weights on {plural(images, 'image')}.",
        action="Start from weights that have seen a million photographs; this helps most where "
        "images are few.",
        command=shlex.join(words),
    )


def _learned_by_heart(run: FinishedRun) -> Advice | None:
    """The loss on val rose while that on train fell."""
    rows = [row for row in run.epochs if "val_loss" in row]
    if len(rows) < 4:
        return None
    low, last = min(rows, key=lambda row: row["val_loss"]), rows[-1]
    if last["val_loss"] < _LOSS_RISE * low["val_loss"]:
        return None
    recipe = override(run.record.recipe, ["patience=5", "mixup=0.4"])
    return Advice(
        fact=f"Loss on val was {loss(low['val_loss'])} at epoch {epoch_number(low)} and "
        f"{loss(last['val_loss'])} at the end: the network learned the training images by heart.",
        action="Stop where it no longer falls, or vary the images more.",
        command=repeat(run.folder, replace(run.record, recipe=recipe)),
    )


def _labels(run: FinishedRun, suspects: int) -> Advice | None:
    if not suspects:
        return None
    images = plural(suspects, "scored image")
    return Advice(
        fact=f"{images} may have the wrong label (see above); the training images have such, too.",
        action="Look for them with short trainings that each leave a part out.",
        command=shlex.join(["inceptionkit", "check", *_data(run), "--folds", "5"]),
    )


def _weak_class(run: FinishedRun) -> Advice | None:
    """One class is found far more rarely than the others."""
    scored = [row for row in run.class_scores if row.recall is not None]
    if len(scored) < 3:
        return None
    mean = float(np.mean([row.recall or 0.0 for row in scored]))
    weakest = min(scored, key=lambda row: row.recall or 0.0)
    high = wilson(weakest.recall or 0.0, weakest.images)[1]
    if high > mean - _WEAK / 2 or (weakest.recall or 0.0) > mean - _WEAK:
        return None
    return Advice(
        fact=f"Only {whole_percent(weakest.recall)} of the {weakest.name} images are recognized; "
        f"of all classes {whole_percent(mean)} in the mean.",
        action=f"Add images of {weakest.name}, above all of the kinds shown as mistakes.",
    )


def _pair(run: FinishedRun) -> Advice | None:
    """Two classes share a large part of the mistakes."""
    pairs = confused_pairs(run.confusion, run.classes, limit=1)
    every = len(run.classes) * (len(run.classes) - 1)
    if not pairs or pairs[0].images < max(_PAIR_IMAGES, max(_PAIR, 1.5 / every) * run.misread):
        return None
    pair = pairs[0]
    return Advice(
        fact=f"{whole_percent(pair.images / run.misread)} of the mistakes are {pair.truth} taken "
        f"for {pair.guess}.",
        action="Look at these images: add some that tell the two apart, or make them one class.",
    )


def _exit(run: FinishedRun) -> Advice | None:
    """An early exit is nearly as good as the whole network."""
    early = [row for row in run.exits if row.name != "main" and is_measured(row.top1)]
    near = [
        row
        for row in early
        if (row.top1 or 0.0) >= run.result["top1"] - _NEAR and row.share_of_macs <= _CHEAP
    ]
    if not near:
        return None
    cheapest = min(near, key=lambda row: row.macs)
    scored = ["inceptionkit", "evaluate", str(run.folder)]
    return Advice(
        fact=f"Stopping at {cheapest.name} reaches {percent(cheapest.top1)} with "
        f"{whole_percent(cheapest.share_of_macs)} of the work.",
        action="Let easy images stop there.",
        command=shlex.join([*scored, *_data(run), "--exits", "--store"]),
    )


def _more_images(run: FinishedRun) -> Advice | None:
    if run.interval is None or run.interval[1] - run.interval[0] < _WIDE:
        return None
    wide = 100 * (run.interval[1] - run.interval[0])
    return Advice(
        fact=f"On {plural(run.images, 'image')} the 95 % interval of top-1 is {wide:.0f} points "
        "wide: runs that differ by less cannot be told apart.",
        action="Score on more images before you choose between models.",
    )


def _deploy(run: FinishedRun) -> Advice:
    return Advice(
        fact=f"The model is in {run.folder / 'model'}.",
        action="Export it for the machine that will run it.",
        command=f"inceptionkit export {shell_word(run.folder)} --to onnx --resize",
    )


def _data(run: FinishedRun) -> list[str]:
    return [run.record.data["address"], *reading(run.record)]


def epoch_number(row: Epoch) -> str:
    """Epochs done, with a digit where the last one was cut short.

    >>> epoch_number({"epoch": 3.0}), epoch_number({"epoch": 1.3125})
    ('3', '1.3')
    """
    return f"{row['epoch']:.1f}".removesuffix(".0")


def kept_epoch(run: FinishedRun) -> str:
    """Which epoch the kept model is of, and why it is not the best one; "" without val.

    A run keeps its last average, or with `patience` the one with the lowest loss on val.
    """
    rows = [row for row in run.epochs if "val_top1" in row]
    if not rows:
        return ""
    last, best = rows[-1], max(rows, key=lambda row: row["val_top1"])
    fitted = run.record.fitted_top1
    if fitted is not None and best["val_top1"] < fitted:
        return (
            "The kept model is the one before the first epoch, whose classifiers were fitted on "
            f"the features of the first weights: no epoch reached its {percent(fitted)} on val."
        )
    if run.record.recipe.patience is not None:
        low = min(rows, key=lambda row: row.get("val_loss", math.inf))
        return (
            f"The kept model is that of epoch {epoch_number(low)}, where the loss on val was "
            "lowest: this run was told to stop when it no longer falls (patience)."
        )
    if best["val_top1"] <= last["val_top1"]:
        return f"The kept model is that of the last epoch, {epoch_number(last)}, the best on val."
    return _not_the_best(run, rows, best, last)


def _not_the_best(run: FinishedRun, rows: Sequence[Epoch], best: Epoch, last: Epoch) -> str:
    images = run.record.data["sets"].get("val", 0)
    gap = points(best["val_top1"] - last["val_top1"]).removeprefix("+")
    low, high = wilson(best["val_top1"], images) if images else (0.0, 1.0)
    sentence = (
        f"The kept model is that of the last epoch, {epoch_number(last)}, with "
        f"{percent(last['val_top1'])} on val, and not that of epoch {epoch_number(best)} with "
        f"{percent(best['val_top1'])}: "
    )
    if last["val_top1"] >= low:
        half = 50 * (high - low)
        return (
            f"{sentence}{gap} points are within what chance does on {images:,} images "
            f"(± {half:.1f} points), so the best of {len(rows)} epochs would be chosen by luck, "
            "and its score would promise too much."
        )
    return (
        f"{sentence}the learning rate is planned to be lowest at the end. {gap} points are more "
        f"than chance does on {images:,} images; patience=5 would keep the earlier model."
    )
