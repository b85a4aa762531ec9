"""What must hold before anything is built: each check raises one sentence, with what to do."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.types import BUILT_IN, SETS, Dataset, Unusable
from inceptionkit.errors import DataError, did_you_mean
from inceptionkit.text import listing, plural, printable

KINDS = (
    "a folder of class folders, a .csv, .tsv or .jsonl manifest, a .parquet, .tar or .zip file, "
    f"or the built-in {' or '.join(BUILT_IN)}"
)
_LAYOUT = "put the images of each class into a folder named after it"


def data_error(where: str, wrong: str, advice: str) -> DataError:
    """The error that says what is `wrong` with `where`, and what to do."""
    return DataError(f"{printable(where)}: {wrong}; {advice}")


def require_exists(path: Path, address: str) -> None:
    """Something is at `path`.

    Raises:
        DataError: nothing is, or it may not be looked at; with the nearest name beside it.
    """
    try:
        path.stat()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise data_error(address, reason, _nearest(path, address)) from error


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


def require_images(
    address: str, *, images: int, empty: bool, loose: Sequence[str], tables: Sequence[str]
) -> None:
    """A folder holds images, in class folders.

    Args:
        address: of the folder.
        images: how many lie in class folders.
        empty: whether the folder holds nothing at all.
        loose: names of images that lie outside of any class folder.
        tables: names of files that may be manifests.

    Raises:
        DataError: there is no image in a class folder.
    """
    if images:
        return
    if empty:
        raise data_error(address, "the folder is empty", _LAYOUT)
    if loose:
        wrong = f"its images lie outside of class folders, the first is {loose[0]!r}"
        raise data_error(address, wrong, _LAYOUT + or_manifest(tables))
    raise data_error(address, "it contains no images", _LAYOUT)


def or_manifest(tables: Sequence[str]) -> str:
    """The rest of an advice, where a file beside the images may be their manifest."""
    return f", or give {printable(tables[0])} if it names their classes" if tables else ""


def similar_names(classes: Iterable[str]) -> tuple[str, ...]:
    """A note of each group of classes whose names differ in case, accents, spaces or zeros alone.

    >>> similar_names(["Cat", "cat", "dog"])
    ("classes 'Cat' and 'cat' look alike: if they are one, give their images to one of them",)
    """
    alike: dict[str, list[str]] = {}
    for name in classes:
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
        key = re.sub(r"(?<=\w)-(?=\w)|[_\s]+", " ", key).strip()
        alike.setdefault(re.sub(r"(?<!\d)0+(?=\d)", "", key), []).append(name)
    return tuple(
        f"classes {listing([repr(name) for name in sorted(names)])} look alike: if they are one, "
        "give their images to one of them"
        for names in alike.values()
        if len(names) > 1
    )


def with_images(
    classes: Sequence[str], labels: NDArray[np.int32]
) -> tuple[tuple[str, ...], NDArray[np.int32], tuple[str, ...]]:
    """The classes that have an image, the labels as indices into them, and a note of the others."""
    some = np.bincount(labels, minlength=len(classes)) > 0
    if some.all():
        return tuple(classes), labels, ()
    none = [name for name, has in zip(classes, some.tolist(), strict=True) if not has]
    count = plural(len(none), "class", "classes")
    note = f"left out {count} without an image: {quoted(none)}"
    left = tuple(name for name, has in zip(classes, some.tolist(), strict=True) if has)
    return left, (np.cumsum(some) - 1).astype(np.int32)[labels], (note,)


def require_every_class(dataset: Dataset) -> None:
    """Every class is in train, where train is given. Classes go by name.

    Raises:
        DataError: train lacks a class that another set has.
    """
    in_train = dataset.samples.sets == SETS.index("train")
    lacking = _counts(dataset, in_train) == 0
    if in_train.any() and lacking.any():
        wrong = f"train lacks {class_names(dataset, lacking)}"
        advice = "add images of every class to train, or spell the names alike"
        raise data_error(dataset.address, wrong, advice)


def require_usable(
    dataset: Dataset,
    requested: NDArray[np.int64],
    read: NDArray[np.int64],
    unusable: Sequence[Unusable],
    *,
    every_class: bool,
) -> None:
    """Something that was asked for could be read: of every class, or at all.

    Raises:
        DataError: nothing could; with the first reason.
    """
    missing = (_counts(dataset, requested) > 0) & (_counts(dataset, read) == 0)
    if not missing.any() or (len(read) and not every_class):
        return
    names = dataset.samples.names
    of_class = {names[i] for i in requested.tolist() if missing[dataset.samples.labels[i]]}
    first = next(image for image in unusable if image.name in of_class)
    wrong = f"no usable image of {class_names(dataset, missing)} ({first.name}: {first.reason})"
    raise data_error(dataset.address, wrong, "replace its images, or remove the class")


def _counts(dataset: Dataset, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> NDArray[np.int64]:
    """Images of each class among the `chosen`."""
    return np.bincount(dataset.samples.labels[chosen], minlength=len(dataset.classes))


def class_names(dataset: Dataset, marked: NDArray[np.bool_]) -> str:
    """The names of the classes that are marked."""
    return quoted(dataset.classes[i] for i in np.flatnonzero(marked))


def quoted(names: Iterable[str]) -> str:
    """`names` quoted, at most five of them.

    >>> quoted(["ape", "bee"])
    "'ape', 'bee'"
    """
    every = list(names)
    rest = f" and {len(every) - 5} more" if len(every) > 5 else ""
    return ", ".join(map(repr, every[:5])) + rest
