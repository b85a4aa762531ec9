"""Images that are given by name: files, folders, lists of names, addresses, standard input."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from inceptionkit.data.sources.folder import images_at
from inceptionkit.data.storage.file import reason_of
from inceptionkit.data.storage.open import remote_file
from inceptionkit.errors import DataError
from inceptionkit.preprocess import UnusableImage

Given = tuple[str | Path, str | Path | Callable[[], bytes], str | None]
"""The name of an image, where it is or what reads it, and why there is none."""

_MOST_BYTES = 2**28  # of an image that comes from elsewhere
_MOST_NAMES = 2**24  # bytes of a list of names


def inputs(given: str | Path) -> list[Given]:
    """Every image that is meant; or what was given, and why there is none.

    Args:
        given: a file; a folder; "@list.txt", a file of names, one a line; the address of an image;
            or "-" for standard input: an image, or names, one a line.
    """
    text = str(given)
    if text == "-":
        return _standard_input()
    if text.startswith("@") and not Path(text).exists():
        return _listed(Path(text[1:]).expanduser())
    if "://" in text:
        return [(text, partial(_fetched, text), None)]
    return [(place, Path(place), error) for place, error in images_at(given)]


def _standard_input() -> list[Given]:
    """An image, or the names of images."""
    content = sys.stdin.buffer.read(_MOST_BYTES + 1)
    try:
        names = content.decode() if content and len(content) <= _MOST_NAMES else ""
    except UnicodeDecodeError:
        names = ""
    if names and "\0" not in names:
        return [*_named(names)]
    reason = None if content else "standard input is empty; pipe an image, or names of images"
    if len(content) > _MOST_BYTES:
        reason = f"standard input is larger than {_MOST_BYTES:,} bytes; give a file"
    return [("-", lambda: content, reason)]


def _listed(file: Path) -> list[Given]:
    """The images that a file names."""
    try:
        return [*_named(file.read_text(encoding="utf-8"))]
    except (OSError, UnicodeDecodeError) as error:
        return [(f"@{file}", file, f"the list cannot be read ({reason_of(error)})")]


def _named(names: str) -> Iterator[Given]:
    """The images of a list, which may be long: as text, a third of the memory of paths."""
    for name in filter(None, map(str.strip, names.splitlines())):
        place = str(Path(name).expanduser())
        if Path(place).is_file():
            yield place, place, None
        elif "://" in name:
            yield name, partial(_fetched, name), None
        else:
            yield from ((one, one, error) for one, error in images_at(name))


def _fetched(address: str) -> bytes:
    """The bytes of an image on another machine.

    Raises:
        UnusableImage: it cannot be fetched, or is too large.
    """
    try:
        file = remote_file(address)
        if (size := file.size()) > _MOST_BYTES:
            reason = f"has {size:,} bytes, the limit is {_MOST_BYTES:,}"
            raise UnusableImage(reason)
        return file.read(0, size)
    except (OSError, DataError) as error:
        if isinstance(error, UnusableImage):
            raise
        gone = isinstance(error, FileNotFoundError)
        reason = f"cannot be fetched ({'nothing is there' if gone else reason_of(error)})"
        raise UnusableImage(reason) from error
