"""Choosing the reader of a container by the end of its name."""

from __future__ import annotations

from inceptionkit.data.storage.file import File
from inceptionkit.data.storage.gzip import Inflated
from inceptionkit.data.storage.tar import Tar
from inceptionkit.data.storage.types import ZIPS, Container
from inceptionkit.data.storage.zip import Zip


def open_container(file: File) -> Container:
    """The container in `file`, by the end of its name; nothing is read yet."""
    name = file.name.lower()
    if name.endswith(ZIPS):
        return Zip(file)
    return Tar(file if name.endswith(".tar") else Inflated(file))
