"""What a run sets in its process: how signals to stop are handled, memory and denormals."""

from __future__ import annotations

import ctypes
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TypeVar

import torch

from inceptionkit.errors import Interrupted, RunError, WriteError
from inceptionkit.training.checkpoint import checkpoints, last_whole
from inceptionkit.training.run.folder import CHECKPOINTS, how_to_resume

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # parameters of mallopt, from glibc's malloc.h
_NEVER_TRIM = -1
_MMAP_LIMIT = 32 * 2**20  # bytes: glibc's largest threshold for blocks with pages of their own

Handler = TypeVar("Handler", bound=Callable[[int, FrameType | None], None])

_HANGUP = getattr(signal, "SIGHUP", signal.SIGTERM)  # Windows has none
STOPPING = tuple(dict.fromkeys((signal.SIGINT, signal.SIGTERM, _HANGUP)))
"""Signals that ask a run to stop: it saves its state, and says how to resume."""


@dataclass(slots=True)
class StopRequest:
    """Whether somebody asked the run to stop; a handler of signals for `stop_signals`."""

    stop_requested: bool = False

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
def explain_how_to_resume(folder: Path) -> Iterator[None]:
    """End what is interrupted, or cannot be written, with the command that resumes the run.

    Outside the training loop a signal to stop does so at once.

    Raises:
        Interrupted: by Ctrl-C, SIGTERM or SIGHUP.
        RunError: a file could not be written.
    """
    try:
        with stop_signals(_interrupt):
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
def stop_signals(handler: Handler) -> Iterator[Handler]:
    """Handle `STOPPING` for a while, in the main thread; others cannot.

    SIGHUP comes when a terminal is closed; where it is ignored, as under nohup, it stays so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield handler
        return
    wanted = (n for n in STOPPING if n is not _HANGUP or signal.getsignal(n) != signal.SIG_IGN)
    before = {number: signal.signal(number, handler) for number in wanted}
    try:
        yield handler
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


@contextmanager
def fast_cpu_settings() -> Iterator[None]:
    """Flush denormals to zero and keep freed memory: each is much faster on a CPU.

    Arithmetic with denormals takes up to a hundred times as long. This thread gets back the
    setting that it had; torch's other threads keep that of the thread which started them.
    """
    flushed = sys.float_info.min / 2 == 0.0
    torch.set_flush_denormal(True)
    library = keep_memory()
    try:
        yield
    finally:
        if library:  # as glibc would have raised its threshold after a step
            library.mallopt(TRIM_THRESHOLD, 2 * _MMAP_LIMIT)
            library.malloc_trim(0)
        torch.set_flush_denormal(flushed)


def keep_memory() -> ctypes.CDLL | None:
    """Let the C library keep what is freed: the next step needs as much again.

    By default glibc gives large blocks back to the system at once, and every step fetches its
    memory page by page: a tenth of its time on a CPU.

    Returns:
        The C library, if it is glibc; for others nothing changes.
    """
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return None
    library.mallopt(MMAP_THRESHOLD, _MMAP_LIMIT)
    library.mallopt(TRIM_THRESHOLD, _NEVER_TRIM)
    return library
