"""Rows of a table of speeds: our own ways to run a model, timed, scored, and compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data import open_dataset
from inceptionkit.deployment.backend_timing import Way, speeds
from inceptionkit.deployment.parity import images_to_compare
from inceptionkit.deployment.quantize_model import pictures
from inceptionkit.evaluation.held_out import Drawn, choosing_samples, load_scored
from inceptionkit.model import Card
from inceptionkit.model.export_info import Precision
from inceptionkit.progress import Listener

TIMED = 32  # images at most that are answered one by one


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """Images that every way answers.

    Attributes:
        fitted: (images, size, size, 3) uint8.
        said: what they are.
        labels: (images,) class numbers; None where nobody says what is on them.
    """

    fitted: NDArray[np.uint8]
    said: str
    labels: NDArray[np.int64] | None = None

    @property
    def timed(self) -> NDArray[np.uint8]:
        """At most `TIMED` of them, from all over."""
        return self.fitted[:: -(-len(self.fitted) // TIMED)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One way to run a model; the keys that `--json` promises are its fields.

    Attributes:
        engine: what computes, in the words of the table.
        ours: whether what runs is ours, not what others make of the same network.
        to_the_end: engine of the same way without early exits; None where it has none.
        precision: of the arithmetic.
        batch: with which most images a second get through.
        median_ms: of single images.
        p95_ms: of single images.
        mean_ms: of single images.
        images_per_second: with that batch.
        bytes: of its files.
        top1: on labelled images.
        agreement: share of the images that it names as the trained network does.
    """

    engine: str
    ours: bool
    to_the_end: str | None
    precision: Precision
    batch: int
    median_ms: float
    p95_ms: float
    mean_ms: float
    images_per_second: float
    bytes: int
    top1: float | None
    agreement: float | None


def given_or_built_in(card: Card, images: str | Path | None) -> Shown:
    """The user's images, or the built-in digits; nobody says what is on them."""
    found = images_to_compare(card, images)
    return Shown(found.fitted, found.said)


def labelled(card: Card, data: str | Path, listener: Listener) -> tuple[Shown, Shown]:
    """Images that may choose, and others that are scored.

    Raises:
        DataError: the model does not know a class, or the images are too few or unusable.
    """
    dataset = open_dataset(data)

    def load(drawn: Drawn) -> Shown:
        found = load_scored(card, dataset, drawn, listener)
        return Shown(pictures(found), drawn.why, found.labels.numpy())

    choosing, scored = choosing_samples(card, dataset)
    return load(choosing), load(scored)


def rows(
    ways: Sequence[Way], shown: Shown, reference: NDArray[np.int64] | None, listener: Listener
) -> list[Row]:
    """Score all ways, and time them in turn.

    Args:
        ways: to run the same network.
        shown: the images.
        reference: classes that the trained network names on them; None if there is none.
        listener: hears what is done.
    """
    listener.say(
        f"scoring {len(ways)} ways to run it on {len(shown.fitted):,} images: {shown.said}"
    )
    named = [way.classes(shown.fitted) for way in ways]
    listener.say("timing them in turn")
    return [
        Row(
            engine=way.engine,
            ours=way.ours,
            to_the_end=way.to_the_end,
            precision=way.precision,
            batch=speed.batch,
            median_ms=speed.median_ms,
            p95_ms=speed.p95_ms,
            mean_ms=speed.mean_ms,
            images_per_second=speed.images_per_second,
            bytes=way.bytes,
            top1=share(classes, shown.labels),
            agreement=share(classes, reference),
        )
        for way, classes, speed in zip(ways, named, speeds(ways, shown.timed), strict=True)
    ]


def share(found: NDArray[np.int64], wanted: NDArray[np.int64] | None) -> float | None:
    """Share of the images on which two say the same; None without the second."""
    return None if wanted is None else float((found == wanted).mean())
