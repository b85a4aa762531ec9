"""PyTorch's `.pth`, both forms: tensors come out, and nothing in the file is run.

The one place of this layer that imports torch, and only when it is called: the format is torch's,
and torch's reader is the one that knows all of it.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile, is_zipfile

import numpy as np
from numpy.typing import NDArray

from inceptionkit.convert.formats.limits import MAX_WEIGHTS_BYTES
from inceptionkit.errors import WeightsError
from inceptionkit.files import write_whole

_WRAPPERS = ("state_dict", "model", "model_state_dict")  # where training scripts put the tensors
_AGAIN = "the file is damaged or cut short; fetch or copy it again"


def read(path: Path) -> dict[str, NDArray[Any]]:
    """Read the state dict in `path`, bare or in a training script's checkpoint.

    Returns:
        Name -> array in the file's shape, float32; what was another floating or whole type too.

    Raises:
        WeightsError: it is none, damaged, holds more than tensors, or claims more than it holds.
    """
    stored = path.stat().st_size
    if stored == 0 or stored > MAX_WEIGHTS_BYTES or not path.is_file():
        wrong = "is empty" if stored == 0 else f"is no file of at most {MAX_WEIGHTS_BYTES:,} bytes"
        msg = f"{path}: {wrong}; fetch or copy the file again"
        raise WeightsError(msg)
    state = state_dict(path, load(path))
    claimed = sum(tensor.numel() * tensor.element_size() for tensor in state.values())
    if claimed > stored:
        msg = f"{path}: claims {claimed:,} bytes of tensors, but has {stored:,}; {_AGAIN}"
        raise WeightsError(msg)
    odd = [name for name, tensor in state.items() if not _is_plain(tensor)]
    if odd:
        msg = f"{path}: {odd[0]} is not a plain array of numbers; save a float32 state dict"
        raise WeightsError(msg)
    return {name: np.array(tensor.detach().float().numpy()) for name, tensor in state.items()}


def load(path: Path) -> Any:  # noqa: ANN401 - whatever was saved
    """Unpack the file without running anything in it; tensors of the zip form stay on disk.

    Raises:
        WeightsError: it cannot be read, or holds more than tensors and plain values.
    """
    import torch

    try:
        zipped = is_zipfile(path)
    except BadZipFile as error:
        msg = f"{path}: cannot be read as a PyTorch file ({_gist(error)}); {_AGAIN}"
        raise WeightsError(msg) from error
    if zipped:
        _refuse_bomb(path)
    try:
        with warnings.catch_warnings(action="ignore"):  # whether it can be read is all that counts
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except Exception as error:
        foreign = re.search(r"GLOBAL ([\w.]+)", str(error))
        if foreign:
            msg = (
                f"{path}: holds {foreign[1]} beside tensors, which loading would run; it was not "
                "run. Save the state dict alone: torch.save(model.state_dict(), ...)"
            )
        else:
            msg = f"{path}: cannot be read as a PyTorch file ({_gist(error)}); {_AGAIN}"
        raise WeightsError(msg) from error


def _refuse_bomb(path: Path) -> None:
    """Refuse an archive that unpacks to more than it is: torch stores and never compresses."""
    try:
        with ZipFile(path) as archive:
            parts = archive.infolist()
    except (BadZipFile, OSError, NotImplementedError, ValueError) as error:
        msg = f"{path}: cannot be read as a PyTorch file ({_gist(error)}); {_AGAIN}"
        raise WeightsError(msg) from error
    packed = [part.filename for part in parts if part.compress_type != ZIP_STORED]
    if packed or sum(part.file_size for part in parts) > path.stat().st_size:
        msg = f"{path}: is a zip archive, but not one that torch.save wrote; give the .pth itself"
        raise WeightsError(msg)


def state_dict(path: Path, loaded: object) -> dict[str, Any]:
    """Give the tensors by name, wherever in the checkpoint they are.

    Raises:
        WeightsError: there are none.
    """
    import torch

    inner = [loaded[key] for key in _WRAPPERS if key in loaded] if isinstance(loaded, dict) else []
    for candidate in (loaded, *inner):
        if isinstance(candidate, Mapping):
            tensors = {
                str(name): value
                for name, value in candidate.items()
                if isinstance(value, torch.Tensor)
            }
            if tensors:
                return tensors
    msg = (
        f"{path}: holds no tensors by name; save the network's state dict, bare or under "
        f"{', '.join(map(repr, _WRAPPERS))}"
    )
    raise WeightsError(msg)


def _is_plain(tensor: Any) -> bool:  # noqa: ANN401 - torch is not imported here
    """Whether numpy can hold it."""
    import torch

    dense = tensor.layout == torch.strided and tensor.device.type == "cpu"
    return bool(dense and not tensor.is_quantized and not tensor.is_complex())


def _gist(error: Exception) -> str:
    """Say in a few words what torch says in a paragraph."""
    parts = str(error).partition("WeightsUnpickler error: ")
    lines = (parts[2] or parts[0]).strip().splitlines()
    return lines[0].partition(". ")[0] if lines else type(error).__name__


def write(path: Path, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Write a state dict that `torch.load` reads, whole.

    Raises:
        RunError: the disk is full, or the folder cannot be written.
    """
    import torch

    packed = io.BytesIO()
    torch.save({name: torch.from_numpy(value) for name, value in tensors.items()}, packed)
    write_whole(path, packed.getvalue())
