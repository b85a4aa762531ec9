"""A training that ends as `kill -9` ends it, at a moment that it is told."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import inceptionkit
from inceptionkit.data.loading import sets as prepare
from inceptionkit.spec import Net
from inceptionkit.training import autotune
from inceptionkit.training.execution import Execution
from inceptionkit.training.loop import StepEnded
from inceptionkit.training.run import session


def one_way(device: str, threads: int, precision: str = "auto") -> list[Execution]:
    """One way of computing, with one thread: which is fastest differs by the hour."""
    del threads
    return [Execution(device=device, precision="fp32" if precision == "auto" else precision)]


def train_until(
    moment: str, count: int, data: Path, options: dict[str, Any], net: Net, memory: int
) -> None:
    """Train, and die the `count`-th time that a moment comes.

    Args:
        moment: "before" or "after" a "flush" or "rename", or "after update".
        count: from 1.
        data: the images.
        options: of `inceptionkit.train`.
        net: the architecture.
        memory: bytes that the training images may take.
    """
    left = count

    def die(here: str) -> None:
        nonlocal left
        left -= here == moment
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    flush, rename, updates = os.fsync, os.replace, session.train

    def flush_and_die(handle: int) -> None:
        die("before flush")
        flush(handle)
        die("after flush")

    def rename_and_die(self: Path, target: Path) -> Path:
        die("before rename")
        rename(self, target)
        die("after rename")
        return Path(target)

    def update_and_die(*args: Any) -> Iterator[Any]:
        for event in updates(*args):
            if isinstance(event, StepEnded):
                die("after update")
            yield event

    os.fsync, Path.replace, session.train = flush_and_die, rename_and_die, update_and_die
    autotune.candidates, prepare.TRAIN_MEMORY = one_way, memory
    autotune.PROBE_SECONDS = 0.0
    inceptionkit.train(data, architecture=net, **options)
