"""Memory settings of a process that trains: they must be made before torch is imported."""

from __future__ import annotations

import ctypes
import os
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # names of mallopt's parameters in glibc's malloc.h


def keep_freed_memory() -> None:
    """Have freed memory reused instead of given back, in large pages where the system has them.

    Every update allocates the same activations anew; without this, glibc returns them and the
    system clears their pages again: 8 % of an update of the compact network on two cores. Does
    nothing where there is no glibc.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # read by torch
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, 1 << 30)
        mallopt(TRIM_THRESHOLD, (1 << 31) - 1)
