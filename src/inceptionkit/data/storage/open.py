"""Finding the shards at an address, and the reader of each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from inceptionkit.data import checks
from inceptionkit.data.set_names import sets_named
from inceptionkit.data.storage.braces import expand
from inceptionkit.data.storage.file import File, Local
from inceptionkit.data.storage.gzip import Inflated
from inceptionkit.data.storage.remote import (
    Recent,
    Remote,
    children,
    file_system,
    is_remote,
    without_query,
)
from inceptionkit.data.storage.tar import Tar
from inceptionkit.data.storage.types import TARS, ZIPS, Container
from inceptionkit.data.storage.zip import Zip
from inceptionkit.data.types import SETS
from inceptionkit.text import printable

_ENDINGS = (".parquet", *TARS, *ZIPS)


def is_pattern(address: str) -> bool:
    """Whether an address is not that of one thing on this machine: far away, or many files."""
    return is_remote(address) or expand(address) != [address]


def find_shards(address: str) -> list[File]:
    """The shards at `address`: itself, those of a brace pattern, or those of a folder. Maybe none.

    Of a folder those in it count, else those in its `data/`, else those in folders named after
    sets; zips and tars only where they lie beside no other folder, since they may be the packed
    form of it. Whether what a pattern stands for exists is seen when it is opened.

    Raises:
        DataError: a pattern stands for files of other kinds.
    """
    names = expand(address)
    if all(map(_is_shard, names)):
        return _files(names, address.partition("{")[0].rpartition("/")[0])
    if len(names) > 1:
        wrong = f"it stands for files such as {names[0]}"
        raise checks.data_error(address, wrong, f"give a pattern for {', '.join(_ENDINGS)} files")
    base = address.rstrip("/")
    inside = _inside(address)
    given = sets_named([_last(name) for name in inside])
    parts = [name for name, set_ in zip(inside, given, strict=True) if set_]
    for names in (inside, _inside(f"{base}/data"), [n for part in parts for n in _inside(part)]):
        if shards := [name for name in names if _is_shard(name)]:
            tables = [name for name in shards if is_table(name)]
            alone = all(n in parts or _last(n) == "data" for n in inside if _is_folder(n))
            return _files(tables or shards, base) if tables or alone else []
    if len(inside) == 1 and _is_folder(inside[0]) and not is_pattern(address):
        return find_shards(inside[0])  # a folder around everything
    return []


def is_table(name: str) -> bool:
    """Whether a shard is a Parquet file."""
    return without_query(name).lower().endswith(".parquet")


def _is_shard(name: str) -> bool:
    return without_query(name).lower().endswith(_ENDINGS) and not _is_folder(name)


def _is_folder(name: str) -> bool:
    return not is_remote(name) and Path(name).expanduser().is_dir()


def _inside(place: str) -> list[str]:
    """What lies in a folder, hidden things apart, in order."""
    if is_remote(place):
        return [name for name in children(place) if _last(name)[:1] != "."]
    try:
        names = sorted(entry.name for entry in Path(place).expanduser().iterdir())
    except OSError:
        return []
    return [f"{place.rstrip('/')}/{name}" for name in names if name[0] != "."]


def _last(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2]


def remote_file(address: str) -> File:
    """The file at an address of another machine; nothing is asked yet.

    Raises:
        DataError: a package that reads such addresses is missing.
    """
    return _files([address], "")[0]


def _files(names: Sequence[str], base: str) -> list[File]:
    """The files of those addresses; each is called by what follows `base`."""
    called = [printable(without_query(n).removeprefix(base).lstrip("/")) for n in names]
    if names and is_remote(names[0]):
        files, recent = file_system(names[0]), Recent()
        return [
            Remote(name, short, files, recent) for name, short in zip(names, called, strict=True)
        ]
    return [
        Local(Path(name).expanduser(), short, printable(name))
        for name, short in zip(names, called, strict=True)
    ]


def open_container(file: File) -> Container:
    """The container in `file`, by the end of its name; nothing is read yet."""
    name = file.name.lower()
    if name.endswith(ZIPS):
        return Zip(file)
    return Tar(file if name.endswith(".tar") else Inflated(file))


def shard_sets(address: str, names: Iterable[str]) -> list[int]:
    """For each shard the index into SETS of the set that it is named after, or -1 for all.

    A shard is named after a set by its folder, or by the first word of its own name.

    Raises:
        DataError: only some are named after sets.
    """
    every = list(names)
    words = [_set_words(name) for name in every]
    found = [
        next((given for given in of_one if given), None)
        for of_one in zip(*map(sets_named, zip(*words, strict=True)), strict=True)
    ]
    sets = [SETS.index(given) if given else -1 for given in found]
    if -1 in sets and max(sets) >= 0:
        odd, ending = every[sets.index(-1)], Path(every[0]).suffix
        wrong = f"{odd!r} is not named after a set, others are"
        raise checks.data_error(address, wrong, f"name files train-*{ending}, val-* or test-*")
    return sets


def _set_words(name: str) -> tuple[str, str, str]:
    """What may name a shard's set: its folder, the first word of its name, and all of it.

    >>> _set_words("data/train-00000-of-00002.parquet")
    ('data', 'train', 'train-00000-')
    """
    folder, _, base = name.rpartition("/")
    stem = re.sub(r"of-\d+$", "", base.partition(".")[0])
    return folder.rpartition("/")[2], re.split(r"[-_.]", base, maxsplit=1)[0], stem
