"""No output of Pillow's about damaged files: errors report them, once and by name."""

from __future__ import annotations

import ctypes
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from threading import Lock


@dataclass(slots=True)
class _Inside:
    """How many threads are inside, and what the last of them restores."""

    threads: int = 0
    lock: Lock = field(default_factory=Lock)
    handler: logging.NullHandler = field(default_factory=logging.NullHandler)
    saved: warnings.catch_warnings[None] = field(default_factory=warnings.catch_warnings)
    printer: int | None = None


_INSIDE = _Inside()


@contextmanager
def suppress_pillow_output() -> Iterator[None]:
    """Drop Pillow's warnings and log lines, and libtiff's, while any thread is inside.

    `warnings.catch_warnings` by itself is not safe between threads: it restores whatever list it
    met, also when another thread has left or entered since. Here the first to enter saves, and the
    last to leave restores. Warnings of other modules pass through.
    """
    with _INSIDE.lock:
        _INSIDE.threads += 1
        if _INSIDE.threads == 1:
            _INSIDE.saved = warnings.catch_warnings()
            _INSIDE.saved.__enter__()
            warnings.filterwarnings("ignore", module=r"PIL\b")
            logging.getLogger("PIL").addHandler(_INSIDE.handler)
            _INSIDE.printer = _libtiff_printer()(None)
    try:
        yield
    finally:
        with _INSIDE.lock:
            _INSIDE.threads -= 1
            if _INSIDE.threads == 0:
                _libtiff_printer()(_INSIDE.printer)
                logging.getLogger("PIL").removeHandler(_INSIDE.handler)
                _INSIDE.saved.__exit__(None, None, None)


@cache
def _libtiff_printer() -> Callable[[int | None], int | None]:
    """The function of libtiff that replaces what prints its errors to stderr, and gives the old.

    It is looked up among the libraries that Pillow has loaded. Where it cannot be found (libtiff
    linked in, or none), nothing is replaced and libtiff's lines are printed.
    """
    try:
        replace = ctypes.CDLL(import_module("PIL._imaging").__file__).TIFFSetErrorHandler
    except (OSError, AttributeError):
        return lambda handler: handler
    replace.argtypes = [ctypes.c_void_p]
    replace.restype = ctypes.c_void_p
    setter: Callable[[int | None], int | None] = replace
    return setter
