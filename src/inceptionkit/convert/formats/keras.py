"""Keras' weights: `.h5`, `.weights.h5` and `.keras`. No torch, and no Keras.

All three are HDF5; a `.keras` file is a ZIP archive with `model.weights.h5` in it, beside a
description of the model that could name code to run. Only arrays are read, so that no code of a
`Lambda` layer, of a custom object or of an optimizer is ever looked at.

HDF5 itself can point to other files, declare what it does not store, and compress. None of that is
believed: Keras does none of it.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.convert.formats.limits import content, keep
from inceptionkit.errors import WeightsError
from inceptionkit.text import printable

if TYPE_CHECKING:
    import h5py

_MEMBER = "model.weights.h5"
# what h5py raises where a file makes no sense
_DAMAGED = (ArithmeticError, LookupError, MemoryError, OSError, RuntimeError, TypeError, ValueError)
MAGIC = b"\x89HDF\r\n\x1a\n"

Tensors: TypeAlias = dict[str, NDArray[np.floating[Any]]]


def read(path: Path) -> Tensors:
    """Every float array of a file of Keras.

    Returns:
        Path within the file, such as "layers/conv2d/vars/0" -> array.

    Raises:
        WeightsError: h5py is missing; or the file cannot be read, is none of Keras' forms, is
            damaged, compressed, points to other files, or declares more than it stores.
    """
    try:
        import h5py
    except ImportError as error:
        msg = f"{path}: Keras files need h5py; pip install 'inceptionkit[convert]'"
        raise WeightsError(msg) from error
    try:
        data = hdf5(path)
        with h5py.File(io.BytesIO(data), "r") as file:
            return arrays(file, len(data))
    except WeightsError as error:
        msg = (
            f"{path}: not a Keras weights file: {printable(str(error))}; save or download it again"
        )
        raise WeightsError(msg) from error
    except _DAMAGED as error:
        reason = printable(str(error))
        msg = f"{path}: a damaged HDF5 file ({reason}); copy or download it again"
        raise WeightsError(msg) from error


def hdf5(path: Path) -> bytes:
    """The HDF5 file at `path`, or in the archive there.

    Raises:
        WeightsError: there is none.
    """
    data = content(path)
    if zipfile.is_zipfile(io.BytesIO(data)):
        data = _member(data)
    if not data.startswith(MAGIC):
        msg = "it is not an HDF5 file"
        raise WeightsError(msg)
    return data


def _member(archive: bytes) -> bytes:
    """`model.weights.h5` of a `.keras` file."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as file:
            info = file.getinfo(_MEMBER)
            if info.compress_type != zipfile.ZIP_STORED:
                msg = f"{_MEMBER} in it is compressed, which Keras does not do"
                raise WeightsError(msg)
            return file.read(info)
    except KeyError as error:
        msg = f"the archive has no {_MEMBER}"
        raise WeightsError(msg) from error
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        msg = f"the archive is damaged ({error})"
        raise WeightsError(msg) from error


def arrays(file: h5py.File, size: int) -> Tensors:
    """Every float array of an HDF5 file of `size` bytes.

    Raises:
        WeightsError: there is none; or the file points to others, or declares more than it stores.
    """
    tensors: Tensors = {}
    for item in _datasets(file):
        if item.dtype.kind != "f":
            continue
        _refuse_elsewhere(item)
        size -= item.nbytes
        plain = item.chunks is None and item.nbytes > 0  # one chunk inflates to gigabytes
        if not plain or item.id.get_storage_size() != item.nbytes or size < 0:
            msg = f"{item.name} declares {item.nbytes} bytes and does not store them plainly"
            raise WeightsError(msg)
        keep(tensors, item.name[1:].encode("utf-8", "surrogateescape"), item[()])
    if not tensors:
        msg = "it has no float arrays"
        raise WeightsError(msg)
    return tensors


def _datasets(file: h5py.File) -> Iterator[h5py.Dataset]:
    """Yield every array once, however many names it has."""
    import h5py

    waiting, seen = [file["/"]], set()
    while waiting:
        item = waiting.pop()
        place = h5py.h5o.get_info(item.id).addr
        if place in seen:
            continue
        seen.add(place)
        if isinstance(item, h5py.Dataset):
            yield item
        for name in item if isinstance(item, h5py.Group) else ():
            if not isinstance(item.get(name, getlink=True), h5py.HardLink):
                msg = f"{name} is a link to somewhere else, which Keras does not write"
                raise WeightsError(msg)
            waiting.append(item[name])


def _refuse_elsewhere(dataset: h5py.Dataset) -> None:
    """Refuse an array whose numbers lie in another file."""
    if dataset.external or dataset.is_virtual:
        msg = f"{dataset.name} has its numbers in another file, which Keras does not do"
        raise WeightsError(msg)
    if dataset.id.get_create_plist().get_nfilters():  # HDF5 loads a library for one it lacks
        msg = f"{dataset.name} is filtered, and is not stored plainly"
        raise WeightsError(msg)
