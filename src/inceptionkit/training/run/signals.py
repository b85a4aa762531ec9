"""SIGINT and SIGTERM as stop requests, and a run that ends early with the command to resume it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from inceptionkit.errors import Interrupted, RunError, WriteError
from inceptionkit.training.checkpoint import checkpoints, last_whole
from inceptionkit.training.run.folder import CHECKPOINTS, how_to_resume


class StopRequest:
    """Whether somebody asked the run to stop."""

    def __init__(self) -> None:
        self.stop_requested = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal; a second Ctrl-C interrupts at once."""
        del frame
        if self.stop_requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.stop_requested = True


def stopped(folder: Path, when: str) -> Interrupted:
    """The message for a run that was stopped."""
    return Interrupted(f"stopped {when}; resume with: {how_to_resume(folder)}")


@contextmanager
def catch_stop_signals() -> Iterator[StopRequest]:
    """Record SIGINT and SIGTERM as stop requests; only the main thread can."""
    request = StopRequest()
    with _handled(request):
        yield request


@contextmanager
def explain_how_to_resume(folder: Path) -> Iterator[None]:
    """End what is interrupted, or cannot be written, with the command that resumes the run.

    Outside the training loop SIGINT and SIGTERM stop a run at once.

    Raises:
        Interrupted: by Ctrl-C or SIGTERM.
        RunError: a file could not be written.
    """
    try:
        with _handled(_interrupt):
            yield
    except KeyboardInterrupt:
        raise stopped(folder, "before it was done") from None
    except WriteError as error:
        whole = last_whole(checkpoints(folder / CHECKPOINTS))
        there = "begin again" if whole is None else f"resume from {whole.name}, which is whole"
        msg = f"{error.wrong}; {error.remedy}, then {there}: {how_to_resume(folder)}"
        raise RunError(msg) from error


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Handle SIGINT and SIGTERM for a while, in the main thread; others cannot."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
