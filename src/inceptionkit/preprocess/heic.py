"""HEIC, the photographs of phones, read by pillow-heif or pi-heif (the extra `heic`)."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import IO

from PIL import Image
from PIL.ImageFile import ImageFile

from inceptionkit.preprocess.color_modes import UnusableImage

_PACKAGES = ("pillow_heif", "pi_heif")  # the second one reads only, and is a fifth as large


def _opener() -> Callable[[IO[bytes], str | bytes], ImageFile]:
    """What opens HEIC: the first package that is installed, or the reason why there is none."""
    for name in _PACKAGES:
        try:
            factory: type[ImageFile] = import_module(name).HeifImageFile
        except ImportError:
            continue
        return factory
    return _refuse


def _refuse(_stream: IO[bytes], _name: str | bytes) -> ImageFile:
    reason = (
        "HEIC, which needs a package: run pip install 'inceptionkit[heic]', or convert it to JPEG"
    )
    raise UnusableImage(reason)


Image.OPEN["HEIC"] = (_opener(), None)
