"""What a reader should take away, computed from the content: intervals, pairs, sentences."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inceptionkit.evaluation.calibration import Bin
from inceptionkit.report.content import EpochRow, ExitRow, RunContent
from inceptionkit.text import (
    duration,
    is_measured,
    learning_rate,
    listing,
    loss,
    percent,
    plural,
    whole_percent,
)

WELL = 0.02  # gap between mean confidence and top-1 that is not worth a word


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Images of one class that were taken for another."""

    truth: str
    guess: str
    images: int
    share_of_truth: float  # of all images of the class


def scored_images(content: RunContent) -> int:
    """How many images the scores come from."""
    if content.confusion is None:
        return content.images.get(content.scored_set, 0)
    return int(content.confusion.sum())


def confused_pairs(
    confusion: NDArray[np.int64], classes: tuple[str, ...], *, limit: int
) -> tuple[Pair, ...]:
    """The pairs confused most often, most images first, then in class order."""
    wrong = np.array(confusion, dtype=np.int64)
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:limit]
    per_class = confusion.sum(axis=1)
    return tuple(
        Pair(
            truth=classes[row],
            guess=classes[column],
            images=int(wrong[row, column]),
            share_of_truth=float(wrong[row, column] / per_class[row]),
        )
        for row, column in (divmod(int(flat), len(classes)) for flat in order)
        if wrong[row, column] > 0
    )


def in_short(content: RunContent) -> tuple[str, ...]:
    """The run in at most three sentences: the exits, the weakest class, what was left out."""
    said = (_exits_said(content.exits), _weakness_said(content), _unusable_said(content))
    return tuple(sentence for sentence in said if sentence)


def _exits_said(exits: tuple[ExitRow, ...]) -> str:
    scored = [(row, row.top1) for row in exits if is_measured(row.top1)]
    if len(scored) < 2:
        return ""
    *early, (main, main_top1) = scored
    best, top1 = max(early, key=lambda pair: (pair[1], -pair[0].macs))
    points = f"{abs(main_top1 - top1) * 100:.1f}"
    side = "below" if top1 < main_top1 else "above"
    relation = "level with" if points == "0.0" else f"{points} points {side}"
    return (
        f"Exit {best.name} reaches {percent(top1)} top-1 at {whole_percent(best.share_of_macs)} "
        f"of the compute, {relation} {main.name}."
    )


def _weakness_said(content: RunContent) -> str:
    if content.confusion is None or not scored_images(content):
        return ""
    pairs = confused_pairs(content.confusion, content.classes, limit=1)
    if not pairs:
        images = plural(scored_images(content), "image")
        return f"Not one of the {images} of the {content.scored_set} set was misread."
    wrong = scored_images(content) - int(content.confusion.trace())
    said = f"{plural(wrong, 'image')} of {scored_images(content):,} {_was(wrong)} misread"
    pair = pairs[0]
    if wrong == pair.images:
        return f"{said}: {pair.truth} taken for {pair.guess}."
    return (
        f"{said}; most often {pair.truth} taken for {pair.guess} ({plural(pair.images, 'image')})."
    )


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def _unusable_said(content: RunContent) -> str:
    if not content.unusable:
        return ""
    files = len(content.unusable)
    return f"{plural(files, 'file')} could not be used and {_was(files)} left out."


def learning_facts(content: RunContent) -> tuple[tuple[str, str], ...]:
    """Names and values worth a line beside the learning curves; empty without an epoch."""
    rows = content.epochs
    if not rows:
        return ()
    best = max(rows, key=lambda row: row.val_top1 if is_measured(row.val_top1) else -1.0)
    low = min(rows, key=lambda row: row.val_loss if is_measured(row.val_loss) else math.inf)
    said = {
        "epochs": f"{rows[-1].epoch:g}",
        "time per epoch": duration(rows[-1].seconds / rows[-1].epoch if rows[-1].epoch else None),
        "best top-1 on val": _at_epoch(percent(best.val_top1), best, best.val_top1),
        "lowest loss on val": _at_epoch(loss(low.val_loss), low, low.val_loss),
        "highest learning rate": learning_rate(max(row.lr for row in rows)),
        "last learning rate": learning_rate(rows[-1].lr),
    }
    return tuple(said.items())


def _at_epoch(said: str, row: EpochRow, measured: float | None) -> str:
    return said if measured is None else f"{said} at epoch {row.epoch:g}"


def set_sizes(content: RunContent) -> str:
    """The sets and their images: 1,293 train, 144 val and 360 test images."""
    sizes = [f"{images:,} {name}" for name, images in content.images.items()]
    return f"{listing(sizes)} images" if sizes else ""


def confidence_said(rows: Sequence[Bin]) -> str:
    """Whether the answers promise what they keep, in one sentence."""
    images = sum(row.images for row in rows)
    sure = sum(row.images * row.confidence for row in rows) / images
    right = sum(row.images * row.top1 for row in rows) / images
    verdict = (
        "that is about right"
        if abs(sure - right) < WELL
        else "it is too sure of itself"
        if sure > right
        else "it is more often right than it believes"
    )
    return f"Its answers are {percent(sure)} sure on average and {percent(right)} right: {verdict}."
