"""What must hold before anything is built: each check raises one sentence, with what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.split import Sets
from inceptionkit.data.types import BUILT_IN, SETS, Source, Unusable
from inceptionkit.errors import DataError, did_you_mean
from inceptionkit.text import printable

KINDS = (
    "a folder of class folders, a .csv, .tsv or .jsonl manifest, a .parquet, .tar or .zip file, "
    f"or the built-in {' or '.join(BUILT_IN)}"
)
_LAYOUT = "put the images of each class into a folder named after it"


def refusal(where: str, wrong: str, advice: str) -> DataError:
    """The error that says what is `wrong` with `where`, and what to do."""
    return DataError(f"{printable(where)}: {wrong}; {advice}")


def exists(path: Path, address: str) -> None:
    """Something is at `path`.

    Raises:
        DataError: nothing is, or it may not be looked at; with the nearest name beside it.
    """
    try:
        path.stat()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise refusal(address, reason, _nearest(path, address)) from error


def _nearest(path: Path, address: str) -> str:
    try:
        beside = {printable(entry.name): entry for entry in path.absolute().parent.iterdir()}
    except OSError:
        beside = {}
    words = BUILT_IN if address == path.name else ()
    hint = did_you_mean(path.name, [*words, *beside])
    if hint.startswith("did you mean"):
        return hint
    return f"name {KINDS}"


def found(address: str, *, images: int, empty: bool, loose: Sequence[str]) -> None:
    """A folder holds images, in class folders.

    Args:
        address: of the folder.
        images: how many lie in class folders.
        empty: whether the folder holds nothing at all.
        loose: names of images that lie outside of any class folder.

    Raises:
        DataError: there is no image in a class folder.
    """
    if images:
        return
    if empty:
        raise refusal(address, "the folder is empty", _LAYOUT)
    if loose:
        wrong = f"its images lie outside of class folders, the first is {loose[0]!r}"
        raise refusal(address, wrong, _LAYOUT)
    raise refusal(address, "there is no image in it", _LAYOUT)


def complete(source: Source) -> None:
    """Every class is in every set that the source is divided into. Classes go by name.

    Raises:
        DataError: a set lacks a class that another has.
    """
    given = np.unique(source.samples.sets)
    counts = np.stack([_counts(source, source.samples.sets == one) for one in given])
    somewhere = counts.any(axis=0)
    faults = [
        f"{SETS[one]} lacks {_names(source, somewhere & (row == 0))}"
        for one, row in zip(given, counts, strict=True)
        if (somewhere & (row == 0)).any()
    ]
    if faults:
        advice = "give every set images of every class, or spell the names alike"
        raise refusal(source.address, "; ".join(faults), advice)


def trainable(source: Source, sets: Sets) -> None:
    """There is something to learn, and something to measure it with.

    Raises:
        DataError: a single class, a class that train has no image of, or no val.
    """
    if len(source.classes) < 2:
        only = ", ".join(map(repr, source.classes))
        wrong = f"there is a single class, {only}"
        raise refusal(source.address, wrong, "add a folder of images of something else")
    missing = _counts(source, sets.train) == 0
    if missing.any():
        wrong = f"train has no image of {_names(source, missing)}"
        raise refusal(source.address, wrong, "add images, or remove the class")
    if not len(sets.val):
        wrong = "no class has the three images that it takes to put one aside for val"
        raise refusal(source.address, wrong, "add images")


def usable(
    source: Source,
    asked: NDArray[np.int64],
    read: NDArray[np.int64],
    unusable: Sequence[Unusable],
) -> None:
    """Every class that was asked for has an image that could be read.

    Raises:
        DataError: a class has none; with the first reason.
    """
    missing = (_counts(source, asked) > 0) & (_counts(source, read) == 0)
    if not missing.any():
        return
    names = source.samples.names
    of_class = {names[i] for i in asked.tolist() if missing[source.samples.labels[i]]}
    first = next(image for image in unusable if image.name in of_class)
    wrong = f"no usable image of {_names(source, missing)} ({first.name}: {first.reason})"
    raise refusal(source.address, wrong, "replace its images, or remove the class")


def _counts(source: Source, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> NDArray[np.int64]:
    """Images of each class among the `chosen`."""
    return np.bincount(source.samples.labels[chosen], minlength=len(source.classes))


def _names(source: Source, marked: NDArray[np.bool_]) -> str:
    return listing(source.classes[i] for i in np.flatnonzero(marked))


def listing(names: Iterable[str]) -> str:
    """`names` quoted, at most five of them.

    >>> listing(["ape", "bee"])
    "'ape', 'bee'"
    """
    every = list(names)
    rest = f" and {len(every) - 5} more" if len(every) > 5 else ""
    return ", ".join(map(repr, every[:5])) + rest
