"""What a reader believes of a file: never more than the file is large. No torch."""

from __future__ import annotations

import math
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inceptionkit.errors import WeightsError
from inceptionkit.text import printable

MAX_WEIGHTS_BYTES = 2**31  # bytes; protocol buffers' own limit, four times the largest network here
MOST_TENSORS = 10_000  # the family's networks have fewer than 1,000, and training adds its state
LONGEST_NAME = 1024  # bytes
_MOST_SIZES = 8  # of a tensor's shape


def content(path: Path) -> bytes:
    """Every byte of a file.

    Raises:
        WeightsError: it cannot be read, is no file, or is larger than any weights of the family.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            msg = f"{path.name} is not a file"
            raise WeightsError(msg)
        if status.st_size > MAX_WEIGHTS_BYTES:
            msg = f"{path.name} has {status.st_size} bytes, more than any network of the family"
            raise WeightsError(msg)
        return path.read_bytes()
    except OSError as error:
        msg = f"{path.name} cannot be read ({error.strerror})"
        raise WeightsError(msg) from error


def keep(tensors: dict[str, NDArray[Any]], name: bytes, value: NDArray[Any]) -> None:
    """Add a tensor to what was read so far.

    Raises:
        WeightsError: its name is too long, or there already; or there are too many.
    """
    if len(name) > LONGEST_NAME:
        msg = f"a name of {len(name)} bytes"
        raise WeightsError(msg)
    key = printable(name.decode("utf-8", "surrogateescape"))
    if key in tensors:
        msg = f"{key} is there twice"
        raise WeightsError(msg)
    if len(tensors) == MOST_TENSORS:
        msg = f"more than {MOST_TENSORS} tensors"
        raise WeightsError(msg)
    tensors[key] = value


def floats(data: bytes | bytearray, shape: Sequence[int], kind: str = "<f4") -> NDArray[Any]:
    """An array over `data`, whose length must be what `shape` declares.

    Args:
        data: the numbers, one after the other.
        shape: as the file declares it, of any size: nothing is allocated for it.
        kind: numpy's name of the type of each number.

    Raises:
        WeightsError: `shape` declares another number of values, or none.
    """
    if len(shape) > _MOST_SIZES:
        msg = f"a tensor of {len(shape)} dimensions"
        raise WeightsError(msg)
    declared, held = math.prod(shape) * np.dtype(kind).itemsize, len(data)
    if declared != held or not held:
        msg = f"a tensor of shape {tuple(shape)} takes {declared} bytes, the file has {held}"
        raise WeightsError(msg)
    return np.frombuffer(data, kind).reshape(shape)
