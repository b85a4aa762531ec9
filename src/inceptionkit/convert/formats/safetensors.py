"""Safetensors files, of any floating type that numpy knows, and bfloat16."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

from inceptionkit.convert.formats.limits import content
from inceptionkit.errors import WeightsError
from inceptionkit.files import write_whole

_BFLOAT16 = "BF16"  # the upper half of a float32; numpy has no such type
_DTYPES: Mapping[str, str] = {
    _BFLOAT16: "<u2",
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
}


def read(path: Path) -> dict[str, NDArray[Any]]:
    """Read every tensor.

    Returns:
        Name -> array in the file's shape, float32.

    Raises:
        WeightsError: no safetensors file, damaged, or of a type that no weights have.
    """
    try:
        data = content(path)
    except WeightsError as error:
        msg = f"{path}: {error}; check the file and its permissions"
        raise WeightsError(msg) from error
    try:
        parts = deserialize(data)  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        what = "is empty" if not data else f"cannot be read as safetensors ({error})"
        msg = f"{path}: {what}; the file is damaged or cut short, fetch or copy it again"
        raise WeightsError(msg) from error
    odd = [f"{name} ({part['dtype']})" for name, part in parts if part["dtype"] not in _DTYPES]
    if odd:
        msg = f"{path}: {odd[0]} is of a type that weights do not have; save them as float32"
        raise WeightsError(msg)
    return {name: array(part).reshape(part["shape"]) for name, part in parts}


def array(part: Mapping[str, Any]) -> NDArray[np.float32]:
    """Turn the bytes of a tensor into numbers, without its shape."""
    stored = np.frombuffer(part["data"], _DTYPES[part["dtype"]])
    if part["dtype"] == _BFLOAT16:
        return (stored.astype(np.uint32) << 16).view(np.float32)
    return stored.astype(np.float32)


def write(path: Path, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Write a file that torchvision's and timm's users can load, whole.

    Raises:
        RunError: the disk is full, or the folder cannot be written.
    """
    contiguous = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    write_whole(path, save(contiguous, metadata={"format": "pt"}))
