"""How fast each backend runs a network, and what it gets right: the rows of the table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean, median
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data import DataAddress, open_dataset
from inceptionkit.deployment.parity import parity_images
from inceptionkit.deployment.quantize import channels_last
from inceptionkit.evaluation.held_out import Selection, load_scored, tuning_and_test_samples
from inceptionkit.model import Card
from inceptionkit.model.export_info import Precision
from inceptionkit.progress import Listener
from inceptionkit.timing import Call, Clock, TimingBudget, time_interleaved

_SINGLE = TimingBudget(least=11, most=40, seconds=12.0, calls=10, warm_up=0, settle=True)  # p99
_LARGE = TimingBudget(least=3, most=5, seconds=12.0, warm_up=0, settle=True)
_TIMED_IMAGES = 32  # at most that are answered one by one
_BATCHES = (1, 2, 4, 8, 16, 32)  # that are tried
_TRIALS = 2  # calls of each batch, of which the faster counts
_WORSE = 0.75  # of the best rate: below it no larger batch is tried
_UNTIMED_BATCH = 32  # where nothing is timed


def _unchanged(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return images


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Backend:
    """One way to run a network.

    Attributes:
        engine: what computes, in the words of the table.
        precision: of the arithmetic.
        bytes: of its files, or of the weights where nothing is written.
        answer: gives what `prepare` gave a score, or a probability, for every class.
        prepare: makes the input of (batch, size, size, 3) uint8 images; is not timed.
        ours: whether what runs is ours, not what others make of the same network.
        to_the_end: engine of the same backend without early exits; None where it has none.
        memory: measures the peak memory of a process that has loaded it; None where nothing does.
    """

    engine: str
    precision: Precision
    bytes: int
    answer: Callable[[Any], NDArray[np.float32]]
    prepare: Callable[[NDArray[np.uint8]], Any] = _unchanged
    ours: bool = False
    to_the_end: str | None = None
    memory: Callable[[], int | None] | None = None

    def classify(self, images: NDArray[np.uint8]) -> NDArray[np.int64]:
        """The class of every image."""
        parts = np.array_split(images, -(-len(images) // _UNTIMED_BATCH))
        return np.concatenate([self.answer(self.prepare(part)).argmax(1) for part in parts])

    def call(self, images: NDArray[np.uint8], batch: int) -> Call:
        """The work of one batch; images are repeated where they are too few."""
        return partial(self.answer, self.prepare(np.resize(images, (batch, *images.shape[1:]))))


@dataclass(frozen=True, slots=True, eq=False)
class BenchmarkImages:
    """Images that every backend answers.

    Attributes:
        fitted: (images, size, size, 3) uint8.
        source: what they are.
        labels: (images,) class numbers; None where nobody says what is on them.
    """

    fitted: NDArray[np.uint8]
    source: str
    labels: NDArray[np.int64] | None = None


def benchmark_images(
    card: Card, data: DataAddress | None, images: str | Path | None, listener: Listener
) -> BenchmarkImages:
    """The test images of `data`; without it the user's images, or the built-in digits."""
    if data is not None:
        return tuning_and_test_images(card, data, listener)[1]
    given = parity_images(card, images)
    return BenchmarkImages(given.fitted, given.source)


def tuning_and_test_images(
    card: Card, data: DataAddress, listener: Listener
) -> tuple[BenchmarkImages, BenchmarkImages]:
    """Images that may choose, and others that are scored.

    Raises:
        DataError: the model does not know a class, or the images are too few or unusable.
    """
    dataset = open_dataset(data)

    def load(selection: Selection) -> BenchmarkImages:
        images = load_scored(card, dataset, selection, listener)
        return BenchmarkImages(channels_last(images), selection.why, images.labels.numpy())

    choosing, scored = tuning_and_test_samples(card, dataset, listener)
    return load(choosing), load(scored)


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkRow:
    """One backend; the keys that `--json` promises are its fields.

    Attributes:
        engine: what computes, in the words of the table.
        ours: whether what runs is ours, not what others make of the same network.
        to_the_end: engine of the same backend without early exits; None where it has none.
        precision: of the arithmetic.
        batch: with which most images a second get through.
        median_ms: of single images.
        p95_ms: of single images.
        p99_ms: of single images.
        mean_ms: of single images.
        images_per_second: with that batch.
        bytes: of its files.
        peak_bytes: of a new process that loads it and answers one image; None of what is not ours.
        top1: on labeled images.
        agreement: share of the images that it classifies as the trained network does.
    """

    engine: str
    ours: bool
    to_the_end: str | None
    precision: Precision
    batch: int
    median_ms: float
    p95_ms: float
    p99_ms: float
    mean_ms: float
    images_per_second: float
    bytes: int
    peak_bytes: int | None
    top1: float | None
    agreement: float | None


def measure(
    backends: Sequence[Backend],
    images: BenchmarkImages,
    reference: NDArray[np.int64] | None,
    listener: Listener,
) -> list[BenchmarkRow]:
    """Score all backends, and time them in turn: image by image, then at a good batch of each.

    Args:
        backends: that run the same network.
        images: how long an early exit takes depends on them.
        reference: classes that the trained network gives them; None if there is none.
        listener: is told what is done.
    """
    count = f"{len(images.fitted):,} images: {images.source}"
    listener.say(f"scoring {len(backends)} backends on {count}")
    classes = [backend.classify(images.fitted) for backend in backends]
    listener.say("timing them in turn")
    some = images.fitted[:: -(-len(images.fitted) // _TIMED_IMAGES)]  # from all over
    each = [some[i : i + 1] for i in range(len(some))]
    numbers = range(len(backends))
    single = time_interleaved(
        {n: [backends[n].call(one, 1) for one in each] for n in numbers}, _SINGLE
    )
    batches = [good_batch(partial(backend.call, some)) for backend in backends]
    large = time_interleaved({n: [backends[n].call(some, batches[n])] for n in numbers}, _LARGE)
    listener.say("measuring the memory of each in a process of its own")
    return [
        BenchmarkRow(
            engine=backend.engine,
            ours=backend.ours,
            to_the_end=backend.to_the_end,
            precision=backend.precision,
            batch=batches[n],
            median_ms=1e3 * median(single[n]),
            p95_ms=1e3 * float(np.percentile(single[n], 95)),
            p99_ms=1e3 * float(np.percentile(single[n], 99)),
            mean_ms=1e3 * mean(single[n]),
            images_per_second=batches[n] / median(large[n]),
            bytes=backend.bytes,
            peak_bytes=backend.memory() if backend.memory else None,
            top1=_share_alike(classes[n], images.labels),
            agreement=_share_alike(classes[n], reference),
        )
        for n, backend in enumerate(backends)
    ]


def good_batch(call: Callable[[int], Call], clock: Clock = perf_counter) -> int:
    """The batch at which most images a second get through.

    Args:
        call: gives the work for a batch of so many images.
        clock: seconds.
    """
    best, rate = 1, 0.0
    for batch in _BATCHES:
        work = call(batch)
        work()
        found = time_interleaved(
            {"work": work}, TimingBudget(least=_TRIALS, most=_TRIALS, warm_up=0), clock
        )
        now = batch / min(found["work"])
        if now > rate:
            best, rate = batch, now
        elif now < _WORSE * rate:
            break
    return best


def _share_alike(classes: NDArray[np.int64], others: NDArray[np.int64] | None) -> float | None:
    return None if others is None else float((classes == others).mean())
