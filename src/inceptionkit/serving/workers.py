"""Several processes that share one port, each with cores of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from shutil import rmtree

from inceptionkit.deployment.engines import share_weights
from inceptionkit.errors import DeploymentError, InceptionError
from inceptionkit.serving.answering import ERRORS
from inceptionkit.serving.metrics import SHARED
from inceptionkit.serving.server import Service, bind, host_of, log_to_stderr, serve_here

_PATIENCE = 5.0  # seconds beyond the drain after which a worker is killed
_PAUSES = 1.0, 60.0  # seconds before a worker that fell is replaced: at first, and at most


@dataclass(slots=True)
class _Worker:
    """A process, and what it says: "ready", an error, or how many requests it answered.

    Attributes:
        loaded: whether it is known to have loaded every model.
        pause: seconds for which its place stood empty before it, and then after it.
        due: when it is replaced, by `monotonic`; None as long as it lives.
    """

    process: BaseProcess
    says: Connection
    loaded: bool = False
    pause: float = _PAUSES[0]
    due: float | None = None


@dataclass(slots=True)
class _Stop:
    """Whether the process was asked to stop."""

    asked: bool = False

    def __call__(self, *_: object) -> None:
        """Take a signal."""
        self.asked = True


def serve_at(
    host: str, port: int, service: Service, count: int, ready: Callable[[str], object]
) -> tuple[str, int]:
    """Answer requests at an address until this process is asked to stop.

    Args:
        host: to listen at.
        port: 0 for any that is free.
        service: what is served.
        count: of processes; this one alone answers if 1.
        ready: called with the address once every model is loaded.

    Returns:
        The address, and how many requests were answered.

    Raises:
        InceptionError: the address is taken, or a model cannot be loaded.
    """
    with bind(host, port) as bound, log_to_stderr():
        address = f"http://{host_of(bound)}:{bound.getsockname()[1]}"
        loaded = partial(ready, address)
        if count == 1:
            return address, serve_here(service, bound, loaded)
        return address, serve_in_workers(service, bound, count, loaded)


def serve_in_workers(
    service: Service, bound: socket.socket, count: int, ready: Callable[[], object]
) -> int:
    """Answer requests in several processes until this one is asked to stop.

    One that falls is replaced. The system deals connections out among those that wait for one. The
    weights that an engine maps from a file are in memory once.

    Args:
        service: what is served.
        bound: a socket that is bound.
        count: of processes.
        ready: called once every model is loaded in all.

    Returns:
        Requests that were answered, without those of workers that fell.

    Raises:
        InceptionError: a model cannot be loaded.
    """
    bound.listen(2_048)
    with tempfile.TemporaryDirectory() as common, _stopping() as stop:
        weights, numbers = Path(common, "weights"), Path(common, "numbers")
        weights.mkdir()
        numbers.mkdir()
        os.environ[SHARED] = str(numbers)  # where the workers' metrics meet
        shares = core_shares(sorted(os.sched_getaffinity(0)), count)
        start = partial(_start, service, bound, weights)
        workers = [start(share) for share in shares]
        try:
            for worker in workers:
                _await_ready(worker, stop)
            if not stop.asked:
                ready()
            while not stop.asked:
                wait([one.process.sentinel for one in workers if one.due is None], timeout=0.2)
                for number, worker in enumerate(workers):
                    if not stop.asked and _must_be_replaced(worker, weights):
                        workers[number] = _another(worker, partial(start, shares[number]))
            bound.close()  # whoever comes now is refused
            return _stopped(workers, service.limits.drain_seconds)
        finally:
            for worker in workers:
                worker.process.kill()
                worker.process.join()
            del os.environ[SHARED]


def core_shares(cores: list[int], count: int) -> list[list[int]]:
    """The cores of each worker: as even as can be, and one at least, shared if there are too few.

    >>> core_shares([0, 1, 2, 3, 4], 2), core_shares([7], 2)
    ([[0, 2, 4], [1, 3]], [[7], [7]])
    """
    return [cores[n::count] or [cores[n % len(cores)]] for n in range(count)]


@contextmanager
def _stopping() -> Iterator[_Stop]:
    """Take the signals that ask to stop."""
    stop, signals = _Stop(), (signal.SIGINT, signal.SIGTERM)
    before = {one: signal.signal(one, stop) for one in signals}
    try:
        yield stop
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _start(service: Service, bound: socket.socket, weights: Path, share: list[int]) -> _Worker:
    context = get_context("spawn")  # engines do not survive a fork
    here, there = context.Pipe(duplex=False)
    process = context.Process(
        target=_work, args=(service, bound, weights, share, there), daemon=True
    )
    process.start()
    there.close()
    return _Worker(process, here)


def _work(
    service: Service, bound: socket.socket, weights: Path, share: list[int], says: Connection
) -> None:
    """What a worker does."""
    os.sched_setaffinity(0, share)
    share_weights(weights)
    try:
        with log_to_stderr():
            answered = serve_here(service, bound, lambda: says.send("ready"))
    except InceptionError as error:
        says.send(DeploymentError(str(error)))  # others may not survive the way
        sys.exit(2)
    says.send(answered)


def _await_ready(worker: _Worker, stop: _Stop) -> None:
    """Wait until a worker has loaded its models.

    Raises:
        InceptionError: it could not.
    """
    while not stop.asked:
        if not worker.says.poll(0.2):
            continue
        try:
            found = worker.says.recv()
        except EOFError as error:
            msg = "a worker ended while it loaded the models; start with --workers 1 to see why"
            raise DeploymentError(msg) from error
        if isinstance(found, InceptionError):
            raise found
        worker.loaded = True
        return


def _another(worker: _Worker, start: Callable[[], _Worker]) -> _Worker:
    """A worker in the place of one that fell; the old one where the system cannot start it now."""
    try:
        found = start()
    except OSError as error:
        ERRORS.error(json.dumps({"error": f"a worker cannot be started: {error.strerror}"}))
        worker.due = time.monotonic() + worker.pause
        return worker
    found.pause = worker.pause
    return found


def _must_be_replaced(worker: _Worker, weights: Path) -> bool:
    """Whether a worker fell, and its pause is over."""
    if worker.process.is_alive():
        return False
    if worker.due is None:
        _keep_fall(worker)
        for left in weights.glob(f"{worker.process.pid}-*"):  # half written
            rmtree(left, ignore_errors=True)
    return worker.due is not None and time.monotonic() >= worker.due


def _keep_fall(worker: _Worker) -> None:
    """Log why a worker fell; what it counted stays. The pauses of one that cannot load grow."""
    from prometheus_client.multiprocess import mark_process_dead

    said, (least, most) = _said(worker), _PAUSES
    loaded = worker.loaded or "ready" in said
    worker.pause = least if loaded else min(2 * worker.pause, most)
    worker.due = time.monotonic() + worker.pause
    reason = next((f": {one}" for one in said if isinstance(one, InceptionError)), "")
    error = f"a worker ended with code {worker.process.exitcode}{reason}"
    ERRORS.error(json.dumps({"error": error, "replaced_in_seconds": worker.pause}))
    mark_process_dead(worker.process.pid)  # type: ignore[no-untyped-call]


def _said(worker: _Worker) -> list[object]:
    """What a worker said that was not read."""
    found: list[object] = []
    while worker.says.poll():
        try:
            found.append(worker.says.recv())
        except (EOFError, OSError):
            break
    return found


def _stopped(workers: list[_Worker], drain_seconds: float) -> int:
    """Let every worker answer what came; the requests that they answered."""
    for worker in workers:
        worker.process.terminate()
    until, answered = time.monotonic() + drain_seconds + _PATIENCE, 0
    for worker in workers:
        worker.process.join(max(0.0, until - time.monotonic()))
        answered += sum(found for found in _said(worker) if isinstance(found, int))
    return answered
