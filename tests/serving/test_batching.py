"""Micro-batches, and deadlines that count the time of waiting."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event
from time import perf_counter, sleep
from typing import Any

import numpy as np
import pytest

from inceptionkit.serving import batching
from inceptionkit.serving.batching import Batcher
from inceptionkit.serving.efforts import Deadline, Effort, Efforts
from inceptionkit.serving.limits import Limits
from inceptionkit.serving.models import Models

FIRST, MAIN = Effort(None, seconds=0.01), Effort(None, seconds=1.0)
EFFORTS = Efforts({}, {"first": FIRST, "main": MAIN})
PIXELS = np.zeros((16, 16, 3), np.uint8)


@pytest.fixture
def ran(
    started: Callable[..., Models], tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Batcher, Event, list[tuple[Effort, int]]]]:
    """A batcher that is busy with an image until an event comes, and what it ran."""
    began, go, found = Event(), Event(), []

    def run(_: object, images: Sequence[Any], effort: Effort) -> list[Any]:
        began.set()
        go.wait(20)
        found.append((effort, len(images)))
        return [()] * len(images)

    monkeypatch.setattr(batching, "run_effort", run)
    predictor = started({"tiny": tiny_model}).find().predictor
    batcher = Batcher(predictor, Limits(), lambda *_: None)
    busy = batcher.submit(PIXELS, MAIN)
    assert began.wait(20)
    yield batcher, go, found
    go.set()
    busy.result(20)
    batcher.close()
    batcher.join(20)


def test_time_in_the_queue_counts(ran: tuple) -> None:
    batcher, go, found = ran
    hurried = batcher.submit(PIXELS, Deadline(EFFORTS, perf_counter() + 1.1))
    patient = batcher.submit(PIXELS, Deadline(EFFORTS, perf_counter() + 600))
    sleep(0.2)
    go.set()
    for future in (hurried, patient):
        future.result(20)

    assert found == [(MAIN, 1), (FIRST, 1), (MAIN, 1)]


def test_images_that_are_run_at_once_share_the_time(ran: tuple) -> None:
    batcher, go, found = ran
    both = [batcher.submit(PIXELS, Deadline(EFFORTS, perf_counter() + 1.9)) for _ in range(2)]
    go.set()
    for future in both:
        future.result(20)

    assert found == [(MAIN, 1), (FIRST, 2)]


def test_a_deadline_that_has_passed_is_answered_by_the_first_exit(ran: tuple) -> None:
    batcher, go, found = ran
    go.set()
    batcher.submit(PIXELS, Deadline(EFFORTS, perf_counter() - 1)).result(20)
    batcher.submit(PIXELS, Deadline(EFFORTS, perf_counter() + 5)).result(20)

    assert found == [(MAIN, 1), (FIRST, 1), (MAIN, 1)]
