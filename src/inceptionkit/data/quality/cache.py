"""Statistics of earlier scans, in the user's cache folder: never beside the data.

One file per address, about 0.9 kB an image. An image is remembered while path, size and times of
its file stay, or of the shard that it lies in. What comes from nowhere that has such, and what is
damaged or of another version, is inspected again.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.quality.inspect import STATS_DTYPE, ImageStats
from inceptionkit.data.sources.archive import Archives
from inceptionkit.data.sources.index_cache import cache_folder
from inceptionkit.data.sources.parquet import Parquet
from inceptionkit.data.storage import File
from inceptionkit.data.storage.file import stamp
from inceptionkit.data.types import Dataset
from inceptionkit.errors import RunError
from inceptionkit.files import sha256, write_whole
from inceptionkit.preprocess import UnusableImage

Stamps: TypeAlias = NDArray[np.uint64]  # (samples,), or (0,) where nothing can be remembered

_STATS_VERSION = 1  # of what the fields of a look mean; their layout is compared too

_PASSING = ("cannot be read", "available memory")  # reasons that say nothing of the file itself


def stamps(dataset: Dataset) -> Stamps:
    """For each sample a hash of the name, and of path, size and times of the file it is in."""
    names = dataset.samples.names
    if _in_files_of_their_own(dataset):
        states = [f"{name}\0{_state(_path(dataset, i))}" for i, name in enumerate(names)]
    elif isinstance(dataset, Archives | Parquet):
        of_shards = ((_of_shard(file), count) for file, count in dataset.files)
        shards = [state for state, count in of_shards for _ in range(count)]
        every = zip(names, shards, strict=True)
        states = [f"{name}\0{state}" for name, state in every] if all(shards) else []
    else:
        states = []
    digests = (
        hashlib.blake2b(state.encode("utf-8", "surrogateescape"), digest_size=8).digest()
        for state in states
    )
    return np.frombuffer(b"".join(digests), np.uint64)


def recall(
    dataset: Dataset, stamps: Stamps, stats: ImageStats, reasons: dict[int, str]
) -> NDArray[np.bool_]:
    """Fill in what is known of each sample; which ones are, (samples,)."""
    known = np.zeros(len(stats), np.bool_)
    if not len(stamps):
        return known
    # whatever a damaged file raises, it is only a cache
    with suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        content = io.BytesIO(_place(dataset).read_bytes())
        with np.load(content, allow_pickle=False) as stored:
            old_stamps, old, texts = stored["stamps"], stored["stats"], stored["reasons"]
        why = {int(stamp): str(reason) for stamp, reason in json.loads(bytes(texts))}
        if old.dtype != STATS_DTYPE or old_stamps.dtype != np.uint64 or len(old_stamps) != len(old):
            return known
        order = np.argsort(old_stamps)
        at = order[np.searchsorted(old_stamps, stamps, sorter=order).clip(max=len(old_stamps) - 1)]
        known = old_stamps[at] == stamps
        stats[known] = old[at[known]]
        for index in np.flatnonzero(known & ~stats["usable"]).tolist():
            reason = why[int(stamps[index])]
            if any(words in reason for words in _PASSING):
                known[index] = False
            else:
                reasons[index] = reason
    return known


def keep(dataset: Dataset, stamps: Stamps, stats: ImageStats, reasons: dict[int, str]) -> None:
    """Write what is known now; a cache that cannot be written is done without."""
    if not len(stamps):
        return
    why = json.dumps([[int(stamps[index]), reason] for index, reason in reasons.items()])
    stream = io.BytesIO()
    texts = np.frombuffer(why.encode(), np.uint8)
    np.savez(stream, stamps=stamps, stats=stats, reasons=texts)
    with suppress(OSError, RunError):
        place = _place(dataset)
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, stream.getvalue())


def _place(dataset: Dataset) -> Path:
    address = str(Path(dataset.address).expanduser().absolute())
    key = sha256(f"{_STATS_VERSION}\0{address}".encode("utf-8", "surrogateescape"))[:32]
    return cache_folder() / "check" / f"{key}.npz"


def _in_files_of_their_own(dataset: Dataset) -> bool:
    return any(_path(dataset, index) is not None for index in range(min(1, len(dataset.samples))))


def _path(dataset: Dataset, index: int) -> Path | None:
    """The file of one image; None where it lies in a shard, or nowhere."""
    try:
        raw = dataset.read(index)
    except UnusableImage:
        return None
    return raw if isinstance(raw, Path) else None


def _of_shard(file: File) -> str:
    """What is another once a shard is another; empty where nothing is."""
    try:
        return file.identity()
    except OSError:
        return ""


def _state(path: Path | None) -> str:
    """What is another once a file is another."""
    if path is None:
        return ""
    try:
        return f"{path}\0{stamp(path.stat())}"
    except OSError as error:
        return f"{path}\0{error.errno}"
