"""Some classes of a dataset, as a dataset."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence

import numpy as np

from inceptionkit.data import checks
from inceptionkit.data.types import Blocks, Dataset, Raw, SampleTable
from inceptionkit.errors import did_you_mean
from inceptionkit.text import plural, printable


class SelectedClasses:
    """The images of some classes of a dataset, whose order is the given one."""

    def __init__(self, dataset: Dataset, given: str | Sequence[str]) -> None:
        """Select classes.

        Args:
            dataset: with all classes.
            given: names, or one text with commas between them; quotation marks hold a name with
                commas together.

        Raises:
            DataError: there is no such class, one is given twice, or none is given.
        """
        self.dataset, self.address, self.skipped = dataset, dataset.address, dataset.skipped
        self.classes, self.allows_flip = _names(dataset, given), dataset.allows_flip
        number = np.full(len(dataset.classes), -1, np.int32)
        number[[dataset.classes.index(name) for name in self.classes]] = range(len(self.classes))
        labels = number[dataset.samples.labels]
        self.indices = np.flatnonzero(labels >= 0)
        names = dataset.samples.names
        self.samples = SampleTable(
            [names[index] for index in self.indices.tolist()],
            labels[self.indices],
            dataset.samples.sets[self.indices],
        )
        left = len(dataset.classes) - len(self.classes)
        note = f"{plural(left, 'other class', 'other classes')} left out, as --classes asks"
        self.notes = (*dataset.notes, note) if left else dataset.notes
        self.blocks = _blocks(dataset.blocks, self.indices) if dataset.blocks else None

    def read(self, index: int) -> Raw:
        return self.dataset.read(int(self.indices[index]))

    def fingerprint(self) -> str:
        """SHA-256 over that of the whole dataset and the names of the classes."""
        text = "\0".join((self.dataset.fingerprint(), *self.classes))
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _names(dataset: Dataset, given: str | Sequence[str]) -> tuple[str, ...]:
    fields = next(csv.reader([given], skipinitialspace=True)) if isinstance(given, str) else given
    names = tuple(name.strip() for name in fields if name.strip())
    for name in names:
        if name not in dataset.classes:
            wrong = f"--classes: there is no class {printable(name)!r}"
            raise checks.data_error(dataset.address, wrong, did_you_mean(name, dataset.classes))
    twice = next((name for n, name in enumerate(names) if name in names[:n]), None)
    if twice is not None:
        wrong = f"--classes names {printable(twice)!r} twice"
        raise checks.data_error(dataset.address, wrong, "name each class once")
    if not names:
        wrong = "--classes names no class"
        raise checks.data_error(dataset.address, wrong, "give names with commas between them")
    return names


def _blocks(blocks: Blocks, indices: np.ndarray) -> Blocks:
    """The blocks of which something is left."""
    of_each = np.searchsorted(blocks.starts, indices, side="right")
    first = np.flatnonzero(np.diff(of_each, prepend=-1))
    return Blocks(first, blocks.sizes[indices])
