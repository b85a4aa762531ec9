"""Micro-batches, and deadlines that count the time of waiting."""

import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event
from time import perf_counter, sleep
from typing import Any

import numpy as np
import pytest
from served import LOAD

from inceptionkit.serving import batching
from inceptionkit.serving.batching import Batcher, worthwhile_batch
from inceptionkit.serving.efforts import Deadline, Effort, Efforts
from inceptionkit.serving.limits import Limits
from inceptionkit.serving.models import Models
from inceptionkit.serving.server import bind

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
    batcher = Batcher(predictor, Limits(), 32, lambda *_: None)
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


def test_a_batch_that_cannot_be_counted_is_answered_and_the_next_too(
    started: Callable[..., Models], tiny_model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    caplog.set_level("ERROR", "inceptionkit.errors")
    logging.getLogger("inceptionkit.errors").propagate = True
    batcher = Batcher(started({"tiny": tiny_model}).find().predictor, Limits(), 32, full)
    answers = [batcher.submit(PIXELS, None).result(20) for _ in range(2)]
    batcher.close()
    batcher.join(20)

    assert [answer[-1].exit for answer in answers] == ["main", "main"]
    assert len(caplog.records) == 2
    assert caplog.messages[0].startswith("a batch cannot be counted: [Errno 28]")


@pytest.mark.parametrize(
    ("seconds", "most", "batch"),
    [
        (lambda n: 1.0 * n, 32, 1),  # more at once do not help
        (lambda n: 1.0 + n, 32, 16),  # from 16 to 32 they gain 3 %
        (lambda _: 1.0, 32, 32),
        (lambda _: 1.0, 1, 1),
        (lambda n: 0.94 * n if n > 1 else 1.0, 6, 4),
    ],
)
def test_batches_are_no_larger_than_makes_images_faster(
    seconds: Callable[[int], float],
    most: int,
    batch: int,
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def timed(runs: dict[int, object], _: object) -> dict[int, list[float]]:
        return {n: [seconds(n)] for n in runs}

    monkeypatch.setattr(batching, "time_interleaved", timed)

    assert worthwhile_batch(LOAD(tiny_model), most) == batch


def test_small_answers_do_not_wait_for_an_acknowledgment() -> None:
    """asyncio sends at once (TCP_NODELAY) where the socket says that it is TCP: 40 ms otherwise."""
    with bind("127.0.0.1", 0) as bound:
        assert bound.proto == socket.IPPROTO_TCP
