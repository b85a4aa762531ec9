"""Proposals, remembered by what the image holds and how it was searched."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np

from inceptionkit.data.sources.index_cache import cache_folder
from inceptionkit.detection.proposals.selective_search import SelectiveSearch, selective_search
from inceptionkit.detection.types import Boxes, Pixels
from inceptionkit.errors import RunError
from inceptionkit.files import sha256, write_whole

_VERSION = 1  # of the search: another one forgets what was found


def propose(image: Pixels, how: SelectiveSearch) -> Boxes:
    """Propose boxes as `selective_search` does, or remember them: for images of a training.

    They are kept in the user's cache folder, never beside the images.

    Args:
        image: (height, width, 3) uint8, RGB. Its pixels are the key, not its name.
        how: the settings.
    """
    try:
        place = _place(image, how)
    except OSError:  # the user has no home
        return selective_search(image, how)
    if (known := _read(place)) is not None:
        return known
    boxes = selective_search(image, how)
    content = io.BytesIO()
    np.savez_compressed(content, boxes=boxes)
    with suppress(OSError, RunError):  # a cache that cannot be written is no error
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, content.getvalue())
    return boxes


def _place(image: Pixels, how: SelectiveSearch) -> Path:
    key = f"{_VERSION}\0{sorted(asdict(how).items())}\0{image.shape}\0".encode()
    name = sha256(key + np.ascontiguousarray(image).tobytes())
    return cache_folder() / "proposals" / name[:2] / f"{name}.npz"


def _read(place: Path) -> Boxes | None:
    """What is remembered; None if nothing is, or it is damaged."""
    with suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        with np.load(io.BytesIO(place.read_bytes()), allow_pickle=False) as stored:
            boxes: Boxes = stored["boxes"]
        if boxes.dtype == np.float32 and boxes.ndim == 2 and boxes.shape[1] == 4:
            return boxes
    return None
