"""Indices of large folders and of shards, kept in the user's cache folder; never beside the data.

A folder's index holds while no folder below it has changed: adding, removing or renaming anything
in a folder changes its time. A shard's index holds for the same address, size and time (or ETag).
An index that is damaged, or of another version, is rebuilt. Deleting the cache is always safe.
"""

from __future__ import annotations

import errno
import json
import os
import struct
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from time import time_ns
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.sources.layout import Listing
from inceptionkit.data.types import Unusable
from inceptionkit.errors import RunError
from inceptionkit.files import sha256, write_whole

_INDEX_FORMAT = 3
_CODE = ("utf-8", "surrogatepass")
WORTH_KEEPING = 10_000  # images; fewer are listed faster than anybody notices
_SETTLED_NS = 2_000_000_000  # a folder changed so recently may change again within one clock tick


def cache_folder() -> Path:
    """The user's cache folder of this program (XDG Base Directory Specification 0.8).

    Raises:
        FileNotFoundError: the user has none, as in a container that knows no such user; whoever
            asks does without.
    """
    given = os.environ.get("XDG_CACHE_HOME", "")
    try:
        base = Path(given) if Path(given).is_absolute() else Path.home() / ".cache"
    except RuntimeError as error:
        msg = "no home folder"
        raise FileNotFoundError(errno.ENOENT, msg) from error
    return base / "inceptionkit"


def folder(root: Path) -> Listing | None:
    """The kept index of a folder, if no folder below it has changed since."""
    try:
        listing, visited = _load(_key("folder", str(root.resolve())))
        unchanged = all((root / place).stat().st_mtime_ns == at for place, at in visited.items())
    except _BROKEN:
        return None
    return listing if unchanged else None


def keep_folder(root: Path, listing: Listing, visited: Mapping[str, int]) -> None:
    """Keep the index of a folder, given the time of change of each folder before it was listed."""
    settled = time_ns() - max(visited.values()) > _SETTLED_NS
    readable = not any(s.reason.startswith("cannot be read") for s in listing.skipped)
    if settled and readable and len(listing) >= WORTH_KEEPING:
        _keep("folder", str(root.resolve()), listing, visited)


def shard(identity: str) -> Listing | None:
    """The kept index of a shard of that `identity`: address, size and time, or ETag."""
    if not identity:  # nothing would tell that the shard is another
        return None
    try:
        return _load(_key("shard", identity))[0]
    except _BROKEN:
        return None


def keep_shard(identity: str, listing: Listing, *, always: bool) -> None:
    """Keep the index of a shard, of a small one only if `always`: where it had to be fetched."""
    if identity and (always or len(listing) >= WORTH_KEEPING):
        _keep("shard", identity, listing, {})


_BROKEN = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    RuntimeError,
    MemoryError,
    BadZipFile,
    struct.error,
    zlib.error,
)


def _key(kind: str, identity: str) -> Path:
    name = sha256(f"{kind}\0{identity}".encode("utf-8", "surrogatepass"))
    return cache_folder() / "index" / f"{name}.npz"


def _keep(kind: str, identity: str, listing: Listing, visited: Mapping[str, int]) -> None:
    """Write an index, if the cache can be written."""
    about = {
        "format": _INDEX_FORMAT,
        "class_names": listing.class_names,
        "skipped": [asdict(skipped) for skipped in listing.skipped],
        "root": listing.root,
        "notes": listing.notes,
        "visited": dict(visited),
    }
    stream = BytesIO()
    np.savez(
        stream,
        about=np.frombuffer(json.dumps(about).encode(), np.uint8),
        names=np.frombuffer("\0".join(listing.names).encode(*_CODE), np.uint8),
        labels=listing.labels,
        sets=listing.sets,
        places=listing.places,
    )
    with suppress(OSError, RunError):
        path = _key(kind, identity)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, stream.getvalue())


def _load(path: Path) -> tuple[Listing, dict[str, int]]:
    """Read an index."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        about = json.loads(stored["about"].tobytes())
        names = stored["names"].tobytes().decode(*_CODE)
        listing = Listing(
            names=names.split("\0") if names else [],
            class_names=tuple(about["class_names"]),
            labels=stored["labels"],
            sets=stored["sets"],
            places=stored["places"],
            skipped=tuple(Unusable(**skipped) for skipped in about["skipped"]),
            root=about["root"],
            notes=tuple(about["notes"]),
        )
    if about["format"] != _INDEX_FORMAT or not _fits(listing):
        msg = "an index of another version, or damaged"
        raise ValueError(msg)
    return listing, about["visited"]


def _fits(listing: Listing) -> bool:
    """Whether the columns belong together."""
    columns: tuple[NDArray[np.generic], ...] = (listing.sets, listing.places)
    count = len(listing.labels)
    return len(listing.names) == count and all(len(column) == count for column in columns)
