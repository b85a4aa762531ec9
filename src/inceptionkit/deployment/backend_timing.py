"""Ways to run a network, and how fast each is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import mean, median
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inceptionkit.model.export_info import Precision
from inceptionkit.timing import Call, Clock, TimingBudget, time_interleaved, timed

SINGLE = TimingBudget(least=11, most=40, seconds=12.0, calls=3, warm_up=0, settle=True)
LARGE = TimingBudget(least=3, most=5, seconds=12.0, warm_up=0, settle=True)
BATCHES = (1, 2, 4, 8, 16, 32)  # that are tried
TRIALS = 2  # calls of each batch, of which the faster counts
WORSE = 0.75  # of the best rate: below it no larger batch is tried
TOGETHER = 32  # images that are answered at once where nothing is timed


def as_it_is(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Take images as the preprocessing leaves them."""
    return images


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Way:
    """One way to run a network.

    Attributes:
        engine: what computes, in the words of the table.
        precision: of the arithmetic.
        bytes: of its files, or of the weights where nothing is written.
        answer: gives what `prepare` gave a score, or a probability, for every class.
        prepare: makes the input of (batch, size, size, 3) uint8 images; is not timed.
        ours: whether what runs is ours, not what others make of the same network.
        to_the_end: engine of the same way without early exits; None where it has none.
    """

    engine: str
    precision: Precision
    bytes: int
    answer: Callable[[Any], NDArray[np.float32]]
    prepare: Callable[[NDArray[np.uint8]], Any] = as_it_is
    ours: bool = False
    to_the_end: str | None = None

    def classes(self, images: NDArray[np.uint8]) -> NDArray[np.int64]:
        """The class that it names on every image."""
        parts = np.array_split(images, -(-len(images) // TOGETHER))
        return np.concatenate([self.answer(self.prepare(part)).argmax(1) for part in parts])

    def call(self, images: NDArray[np.uint8], batch: int) -> Call:
        """The work of one batch; images are repeated where they are too few."""
        return partial(self.answer, self.prepare(np.resize(images, (batch, *images.shape[1:]))))


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast one way is.

    Attributes:
        single_ms: milliseconds of single images.
        batch: with which most images a second get through.
        images_per_second: with that batch.
    """

    single_ms: tuple[float, ...]
    batch: int
    images_per_second: float

    @property
    def median_ms(self) -> float:
        """Of single images."""
        return median(self.single_ms)

    @property
    def mean_ms(self) -> float:
        """Of single images."""
        return mean(self.single_ms)

    @property
    def p95_ms(self) -> float:
        """What 95 of 100 single images do not exceed."""
        return float(np.percentile(self.single_ms, 95))


def speeds(ways: Sequence[Way], images: NDArray[np.uint8]) -> list[Speed]:
    """Time all ways in turn on the same images: one by one, then at a good batch of each.

    Args:
        ways: of running the same network.
        images: (images, size, size, 3) as the preprocessing leaves them; how long an early exit
            takes depends on them.
    """
    numbers = range(len(ways))
    each = [images[i : i + 1] for i in range(len(images))]
    single = time_interleaved({n: [ways[n].call(one, 1) for one in each] for n in numbers}, SINGLE)
    batches = [good_batch(partial(way.call, images)) for way in ways]
    large = time_interleaved({n: [ways[n].call(images, batches[n])] for n in numbers}, LARGE)
    return [
        Speed(tuple(1e3 * s for s in single[n]), batches[n], batches[n] / median(large[n]))
        for n in numbers
    ]


def good_batch(call: Callable[[int], Call], clock: Clock = perf_counter) -> int:
    """The batch at which most images a second get through.

    Args:
        call: gives the work for a batch of so many images.
        clock: seconds.
    """
    best, rate = 1, 0.0
    for batch in BATCHES:
        work = call(batch)
        work()
        now = batch / min(timed(work, clock) for _ in range(TRIALS))
        if now > rate:
            best, rate = batch, now
        elif now < WORSE * rate:
            break
    return best
