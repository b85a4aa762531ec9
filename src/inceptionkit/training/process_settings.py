"""What training sets in the process that it runs in, and restores."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # parameters of mallopt, from glibc's malloc.h
NEVER_TRIM = -1
MMAP_LIMIT = 32 * 2**20  # bytes: glibc's largest threshold for blocks with pages of their own


@contextmanager
def fast_cpu_settings() -> Iterator[None]:
    """Flush denormals to zero and keep freed memory: each is much faster on a CPU.

    Arithmetic with denormals takes up to a hundred times as long. This thread gets back the
    setting that it had; torch's other threads keep that of the thread which started them.
    """
    flushed = sys.float_info.min / 2 == 0.0
    torch.set_flush_denormal(True)
    keep_memory()
    try:
        yield
    finally:
        if library := glibc():  # as glibc would have raised its threshold after a step
            library.mallopt(TRIM_THRESHOLD, 2 * MMAP_LIMIT)
            library.malloc_trim(0)
        torch.set_flush_denormal(flushed)


def keep_memory() -> None:
    """Let the C library keep what is freed: the next step needs as much again.

    By default glibc gives large blocks back to the system at once, and every step fetches its
    memory page by page: a tenth of its time on a CPU. Without glibc nothing changes.
    """
    if library := glibc():
        library.mallopt(MMAP_THRESHOLD, MMAP_LIMIT)
        library.mallopt(TRIM_THRESHOLD, NEVER_TRIM)


def glibc() -> ctypes.CDLL | None:
    """The C library of this process, if it is glibc."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None
