"""Micro-batches: images of many requests that one model answers at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from statistics import median
from threading import Lock, Thread
from time import monotonic, perf_counter

import numpy as np
from numpy.typing import NDArray

from inceptionkit.evaluation.predictor import Predictor, run_stages
from inceptionkit.serving.efforts import (
    Deadline,
    Effort,
    ExitAnswer,
    grey,
    run_effort,
    run_every_exit,
)
from inceptionkit.serving.limits import Limits
from inceptionkit.timing import TimingBudget, time_interleaved

Answers = tuple[ExitAnswer, ...]
_ERRORS = logging.getLogger("inceptionkit.errors")
_TIMING = TimingBudget(least=5, most=5)
_GROWTH, _GAIN = 4, 0.05  # from one size of batches to the next, and what it must gain


class Closed(Exception):  # noqa: N818 - a state
    """The model was replaced, and takes no more images."""


def worthwhile_batch(predictor: Predictor, most: int) -> int:
    """How many images to answer at once: no more than make each of them faster.

    All images of a batch are answered when the last of them is, so that larger batches let images
    wait for one another.

    Args:
        predictor: the model.
        most: images at once.
    """
    stages, image, size = predictor.stages(()), grey(predictor), 1
    while size < most:
        larger = min(_GROWTH * size, most)
        several = {n: np.repeat(image, n, axis=0) for n in (size, larger)}
        runs = {n: partial(run_stages, stages, images) for n, images in several.items()}
        each = {n: median(taken) / n for n, taken in time_interleaved(runs, _TIMING).items()}
        if each[larger] > (1 - _GAIN) * each[size]:
            break
        size = larger
    return size


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """An image that waits.

    Attributes:
        pixels: as the network takes them.
        effort: where it may stop, or until when; None for the answers of every exit.
        future: which gets the answers.
    """

    pixels: NDArray[np.uint8]
    effort: Effort | Deadline | None
    future: Future[Answers]


@dataclass(eq=False)
class Batcher:
    """A thread that runs one model, on as many images at once as came meanwhile.

    The first image of a batch waits only while others are on their way (decoded, for this model),
    and at most `limits.batch_wait_ms`: an image that comes alone is answered at once.

    Attributes:
        predictor: the model.
        limits: of waiting.
        batch: images that are answered at once, at most.
        ran: called with the number of images and the seconds of each batch.
        coming: images of this model that are being decoded.
    """

    predictor: Predictor
    limits: Limits
    batch: int
    ran: Callable[[int, float], None]
    coming: int = 0
    _jobs: SimpleQueue[_Job | None] = field(default_factory=SimpleQueue)
    _closed: bool = False
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._thread = Thread(target=self._run, name="batches", daemon=True)
        self._thread.start()

    def submit(
        self, pixels: NDArray[np.uint8], effort: Effort | Deadline | None
    ) -> Future[Answers]:
        """Let an image wait for its answers.

        Args:
            pixels: as `predictor.prepare` gives them.
            effort: where it may stop, or until when; None for the answers of every exit.

        Raises:
            Closed: `close` was called.
        """
        future: Future[Answers] = Future()
        with self._lock:
            if self._closed:
                raise Closed
            self._jobs.put(_Job(pixels, effort, future))
        return future

    def close(self) -> None:
        """Take no more images; those that wait are answered."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)

    def join(self, seconds: float) -> None:
        """Wait until those that wait are answered."""
        self._thread.join(seconds)

    def _run(self) -> None:
        while (first := self._jobs.get()) is not None:
            batch, ended = self._more(first)
            for effort, jobs in _by_effort(batch).items():
                self._answer(jobs, effort)
            if ended:
                return

    def _more(self, first: _Job) -> tuple[list[_Job], bool]:
        """The images that join the first one, and whether the queue was closed behind them."""
        batch = [first]
        until = monotonic() + self.limits.batch_wait_ms / 1e3
        while len(batch) < self.batch:
            left = until - monotonic() if self.coming else 0.0
            try:
                job = self._jobs.get(timeout=left) if left > 0 else self._jobs.get_nowait()
            except Empty:
                break
            if job is None:
                return batch, True
            batch.append(job)
        return batch, False

    def _answer(self, jobs: Sequence[_Job], effort: Effort | None) -> None:
        """Run a batch; a request that was given up meanwhile costs nothing."""
        jobs = [job for job in jobs if job.future.set_running_or_notify_cancel()]
        if not jobs:
            return
        start = perf_counter()
        try:
            images = np.stack([job.pixels for job in jobs])
            if effort is None:
                found = run_every_exit(self.predictor, images)
            else:
                found = run_effort(self.predictor, images, effort)
            pairs = list(zip(jobs, found, strict=True))
        except Exception as error:  # noqa: BLE001 - it is the requests' to report; the thread goes on
            for job in jobs:
                job.future.set_exception(error)
            return
        try:
            self.ran(len(jobs), perf_counter() - start)
        except Exception as error:  # noqa: BLE001 - what is answered does not depend on it
            _ERRORS.error("a batch cannot be counted: %s", error, exc_info=error)
        for job, answers in pairs:
            job.future.set_result(answers)


def _by_effort(batch: Sequence[_Job]) -> dict[Effort | None, list[_Job]]:
    """Jobs that can be run at once; those that have a deadline come first."""
    hurried = [job for job in batch if isinstance(job.effort, Deadline)]
    found: dict[Effort | None, list[_Job]] = {}
    for job in hurried + [job for job in batch if job not in hurried]:
        effort = job.effort
        if isinstance(effort, Deadline):
            effort = effort.effort(len(hurried))
        found.setdefault(effort, []).append(job)
    return found
