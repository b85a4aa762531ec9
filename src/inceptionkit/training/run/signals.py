"""Ctrl-C and SIGTERM as a wish that is granted between two updates."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from inceptionkit.errors import Interrupted
from inceptionkit.training.run.folder import resuming

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopping:
    """Whether somebody asked the run to stop."""

    def __init__(self) -> None:
        self.asked = False

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Remember the wish; a second Ctrl-C interrupts at once."""
        del frame
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True


def interrupt(number: int, frame: FrameType | None) -> None:
    """Make of any signal what Ctrl-C is."""
    del number, frame
    raise KeyboardInterrupt


def stopped(folder: Path, when: str) -> Interrupted:
    """What the user is told who stopped a run."""
    return Interrupted(f"stopped {when}; go on with: {resuming(folder)}")


@contextmanager
def listening() -> Iterator[Stopping]:
    """Turn signals into wishes while a run goes on; only the main thread can."""
    stopping = Stopping()
    with handled(stopping.ask):
        yield stopping


@contextmanager
def stoppable(folder: Path) -> Iterator[None]:
    """Where nothing waits for a wish, stop a run at once, and say how it goes on.

    Raises:
        Interrupted: by Ctrl-C or SIGTERM.
    """
    try:
        with handled(interrupt):
            yield
    except KeyboardInterrupt:
        raise stopped(folder, "before it was done") from None


@contextmanager
def handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Handle Ctrl-C and SIGTERM for a while, in the main thread; others cannot."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
