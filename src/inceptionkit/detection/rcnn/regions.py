"""The regions that a classifier learns from, as a dataset of images in one file.

The stock training reads it, so that a classifier on regions has its exits, its recipe, its budget,
and its exact resume. Whoever wants to know what it learns from can open the file.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from inceptionkit.detection.rcnn.sample import Regions
from inceptionkit.detection.rcnn.settings import RegionSettings
from inceptionkit.detection.rcnn.warp import warp
from inceptionkit.detection.types import AnnotatedImage
from inceptionkit.errors import WriteError
from inceptionkit.files import part_of

BACKGROUND = "background"
_QUALITY = 95  # of JPEG, without subsampling


def class_names(classes: Sequence[str]) -> tuple[str, ...]:
    """What the classifier calls the classes, and, last, background: names that folders can have.

    >>> class_names(["red/white", "background"])
    ('red_white', 'background', 'background_2')
    """
    names: list[str] = []
    for name in (*classes, BACKGROUND):
        plain = re.sub(r"[^\w .()+-]", "_", name).strip(" .") or "class"
        unique, count = plain, 2
        while unique.casefold() in {one.casefold() for one in names}:
            unique, count = f"{plain}_{count}", count + 1
        names.append(unique)
    return tuple(names)


def write_regions(
    path: Path,
    parts: Iterator[tuple[str, AnnotatedImage, Regions]],
    classes: Sequence[str],
    *,
    side: int,
    how: RegionSettings,
) -> int:
    """Write regions into a .zip with a folder for each set and class.

    Args:
        path: of the file, which appears whole.
        parts: the set, the image and its regions.
        classes: names of the classes; background is added.
        side: pixels of the warped regions.
        how: the settings.

    Returns:
        How many regions there are.

    Raises:
        WriteError: the file cannot be written.
    """
    names, count, beside = class_names(classes), 0, part_of(path)
    try:
        with zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as archive:
            for name, image, regions in parts:
                squares = warp(image.pixels(), regions.boxes, side, how.context)
                for square, label in zip(squares, regions.labels.tolist(), strict=True):
                    place = f"{name}/{names[label]}/{count:07d}.jpg"
                    archive.writestr(zipfile.ZipInfo(place), _encoded(square))
                    count += 1
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise WriteError(path, error) from error
    return count


def _encoded(square: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    content = io.BytesIO()
    Image.fromarray(square).save(content, "JPEG", quality=_QUALITY, subsampling=0)
    return content.getvalue()
