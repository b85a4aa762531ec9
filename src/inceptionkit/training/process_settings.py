"""What training wants of the process that it runs in, and gives back."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # parameters of mallopt, from glibc's malloc.h
NEVER = -1  # as a threshold of trimming
LARGEST = 32 * 2**20  # bytes: glibc's largest threshold for blocks with pages of their own


@contextmanager
def tuned() -> Iterator[None]:
    """Let the process compute and hold memory as it suits training."""
    with vanishing_values_dropped():
        keep_memory()
        try:
            yield
        finally:
            return_memory()


@contextmanager
def vanishing_values_dropped() -> Iterator[None]:
    """Count what is too small to be exact as zero: on a CPU it is up to a hundred times slower.

    This thread gets back the arithmetic that it had. torch's other threads have that of the thread
    which started them, for as long as they live.
    """
    before = sys.float_info.min / 2 == 0.0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def keep_memory() -> None:
    """Let the C library keep what is freed: the next update needs as much again.

    Otherwise it gives large blocks back to the system at once, and every update fetches its memory
    anew, page by page: on a CPU a tenth of its time. Without glibc nothing changes.
    """
    set_thresholds(trim=NEVER)


def return_memory() -> None:
    """Give back what is free, and from now on what is freed, as glibc does of itself.

    Its thresholds grow with the blocks that a process frees; where they would be after an update
    they are left.
    """
    set_thresholds(trim=2 * LARGEST)
    if library := glibc():
        library.malloc_trim(0)


def set_thresholds(*, trim: int) -> None:
    """Set from how many free bytes at its end the heap is cut, and which blocks lie in it."""
    if library := glibc():
        library.mallopt(MMAP_THRESHOLD, LARGEST)
        library.mallopt(TRIM_THRESHOLD, trim)


def glibc() -> ctypes.CDLL | None:
    """The C library of this process, if it is glibc."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None
