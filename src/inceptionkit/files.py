"""Files that appear whole: written beside their place, flushed to disk, renamed.

And files that are read whole, whose size is bounded.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

from inceptionkit.errors import WriteError


def write_whole(path: Path, content: bytes | str) -> None:
    """Write `content` so that a crash leaves either the old file or the new one.

    Raises:
        WriteError: the disk is full, or the folder cannot be written; the old file is whole.
    """
    data = content.encode() if isinstance(content, str) else content
    beside = part_of(path)
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise WriteError(path, error) from error


def read_bounded(path: Path, most: int) -> bytes:
    """All bytes of a plain file, which is measured before it is opened.

    Args:
        path: of the file. A pipe, a device or a folder is refused: it might never end.
        most: bytes that such a file may have.

    Raises:
        OSError: it cannot be read, is no plain file, or is larger.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "Not a plain file", str(path))
    if status.st_size > most:
        words = f"{status.st_size:,} bytes, the limit is {most:,}"
        raise OSError(errno.EFBIG, words, str(path))
    with path.open("rb") as file:
        return file.read(most)


def part_of(path: Path) -> Path:
    """Where a file is written before it gets its name; a crash may leave it there."""
    return path.with_name(f".{path.name}.part")


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401 - JSON
    """Write JSON, readable by people; numbers that JSON does not know are refused."""
    text = json.dumps(value, indent=1, ensure_ascii=True, allow_nan=False)
    write_whole(path, text + "\n")


def replace_folder(finished: Path, place: Path) -> None:
    """Move the folder `finished` to `place`, on the same disk; what was there is removed."""
    old = place.with_name(f".{place.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.rename(old)
    finished.rename(place)
    _sync_folder(place.parent)
    shutil.rmtree(old, ignore_errors=True)


def flush(path: Path) -> None:
    """Make durable what was appended to a file, and its name.

    Raises:
        WriteError: the disk does not take it.
    """
    try:
        with path.open("ab") as file:
            os.fsync(file.fileno())
        _sync_folder(path.parent)
    except OSError as error:
        raise WriteError(path, error) from error


def _sync_folder(folder: Path) -> None:
    """Flush the entries of a folder, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256(data: bytes) -> str:
    """Fingerprint of some bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_of(path: Path) -> str:
    """Fingerprint of a file of any size, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
