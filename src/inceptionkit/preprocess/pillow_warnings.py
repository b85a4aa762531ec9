"""No output of Pillow's about damaged files: errors report them, once and by name."""

from __future__ import annotations

import ctypes
import logging
import warnings
from collections.abc import Callable
from functools import cache
from importlib import import_module
from threading import Lock
from types import TracebackType


class _Suppress:
    """Pillow's warnings and log lines, and libtiff's, are dropped while any thread is inside.

    `warnings.catch_warnings` by itself is not safe between threads: it restores whatever list it
    found, also when another thread has left or entered since. Here the first to enter saves, and
    the last to leave restores. Warnings of other modules pass through.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self._handler = logging.NullHandler()
        self._saved = warnings.catch_warnings()
        self._printer: int | None = None

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._saved = warnings.catch_warnings()
                self._saved.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\b")
                logging.getLogger("PIL").addHandler(self._handler)
                self._printer = _libtiff_printer()(None)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                _libtiff_printer()(self._printer)
                logging.getLogger("PIL").removeHandler(self._handler)
                self._saved.__exit__(None, None, None)


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


suppress_pillow_output = _Suppress()
