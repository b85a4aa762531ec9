"""Keeping signals safe beside OpenVINO."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class Stack(ctypes.Structure):
    """`stack_t` of <signal.h>."""

    _fields_ = (
        ("start", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("size", ctypes.c_size_t),
    )


@contextmanager
def signal_stack_kept() -> Iterator[None]:
    """Give this thread the stack for signals back that it had before.

    On processors with AMX, OpenVINO's first compilation leaves one of 20 kB. Python runs its
    handlers there, and where the linker must still look a function up, all registers are saved
    twice: more than fits, and Ctrl-C ends in a segmentation fault (OpenVINO 2026.4).
    """
    if sys.platform != "linux":
        yield
        return
    before, libc = Stack(), ctypes.CDLL(None)
    libc.sigaltstack(None, ctypes.byref(before))
    try:
        yield
    finally:
        libc.sigaltstack(ctypes.byref(before), None)
