"""Dividing a dataset into train, val and test: seeded, stratified, independent of file order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data import checks
from inceptionkit.data.types import SETS, Dataset
from inceptionkit.errors import DataError

_VAL_LIMIT = 2_000
"""Most images that val takes from a train set that comes with its own test set."""

MIN_CLASS_IMAGES = 3
"""A class with fewer images than this stays in train whole."""


@dataclass(frozen=True, slots=True, eq=False)
class Sets:
    """Which samples of a dataset are for what. No sample is in two sets."""

    train: NDArray[np.int64]  # indices into the source's samples, ascending
    val: NDArray[np.int64]
    test: NDArray[np.int64]
    rule: str  # how it was decided, one sentence to print


DuplicateGroups: TypeAlias = Sequence[Sequence[int]]
"""Groups of samples that stay in one set, by their numbers in the order of names."""


def split_dataset(
    dataset: Dataset,
    seed: int,
    *,
    val_share: float = 0.1,
    test_share: float = 0.1,
    duplicate_groups: DuplicateGroups = (),
) -> Sets:
    """Decide which samples train, which choose (val), and which are scored once (test).

    Sets that the dataset gives are used as they are. What is missing is drawn within each class, by
    the order of a hash of (seed, name): from a dataset that is not divided, or has train only, val
    and test; from a train set beside a test set, val, at most `_VAL_LIMIT` images. A train set
    beside a val set is left alone, and test stays empty. Each class with at least
    `MIN_CLASS_IMAGES` images gives at least one to each set that is drawn; a smaller one stays in
    train.

    Near-duplicates in `duplicate_groups` are drawn as one, so that a set may take some more images
    than its share. A group of several classes, or one that would take more than half of what its
    class leaves to train, stays in train. Where that would leave a class out of a set, the largest
    group of the class is cut into runs of neighboring names, and the rule says so. Without groups
    no draw changes.

    Args:
        dataset: what to divide.
        seed: another seed draws other images.
        val_share: share of each class that goes to val, where val is drawn; 0 to 0.5.
        test_share: share of each class that goes to test, where test is drawn; 0 to 0.5.
        duplicate_groups: groups of near-duplicates, as `groups_by_name` gives them.

    Raises:
        DataError: a share is outside 0 to 0.5.
    """
    for name, share in (("val", val_share), ("test", test_share)):
        if not 0 <= share <= 0.5:
            msg = f"split_dataset: the share of {name} must be from 0 to 0.5, got {share!r}"
            raise DataError(msg)
    given = dataset.samples.sets
    has_train, has_val, has_test = (bool((given == number).any()) for number in range(len(SETS)))
    if has_val or (has_test and not has_train):
        return _as_given(given)
    if not has_test:
        pool = np.arange(len(given))
        state = "the dataset has train only" if has_train else "the dataset is not divided"
        return _drawn(dataset, pool, seed, (val_share, test_share), state, duplicate_groups)
    pool = np.flatnonzero(given == 0)
    share = min(val_share, _VAL_LIMIT / len(pool))
    drawn = _drawn(dataset, pool, seed, (share, 0.0), "test is as given", duplicate_groups)
    return Sets(drawn.train, drawn.val, np.flatnonzero(given == 2), drawn.rule)


def _as_given(given: NDArray[np.int8]) -> Sets:
    train, val, test = (np.flatnonzero(given == number) for number in range(len(SETS)))
    sizes = {"train": len(train), "val": len(val), "test": len(test)}
    counts = ", ".join(f"{name} {size:,}" for name, size in sizes.items() if size)
    missing = " and ".join(name for name, size in sizes.items() if not size)
    rule = f"sets as given: {counts}" + (f"; there is no {missing}" if missing else "")
    return Sets(train, val, test, rule)


def _drawn(
    dataset: Dataset,
    pool: NDArray[np.int64],
    seed: int,
    shares: tuple[float, float],
    state: str,
    duplicate_groups: DuplicateGroups,
) -> Sets:
    """Draw val and test from the samples in `pool`, class by class."""
    samples = dataset.samples
    labels = samples.labels[pool].astype(np.int64)
    counts = np.bincount(labels, minlength=len(dataset.classes))
    takes = np.zeros((2, len(counts)), np.int64)  # of each class, for val and for test
    for take, share in zip(takes, shares, strict=True):
        whole = np.maximum(1, np.floor(counts * share + 1e-9).astype(np.int64))
        if share:
            take[:] = np.where(counts < MIN_CLASS_IMAGES, 0, np.minimum(whole, (counts - 1) // 2))
    salt = f"{seed}\0".encode()
    keys = (samples.names[index].encode("utf-8", "surrogatepass") for index in pool.tolist())
    digests = (blake2b(salt + key, digest_size=8).digest() for key in keys)
    draw = _Draw(
        labels=labels,
        leaders=np.arange(len(pool)),
        kept=np.zeros(len(pool), np.bool_),
        hashes=np.frombuffer(b"".join(digests), np.uint64),
        takes=takes,
        most=np.maximum(1, (counts - takes.sum(axis=0)) // 2),
    )
    note = _follow(draw, dataset, pool, duplicate_groups) if duplicate_groups else ""
    val, test = draw.parts()
    train = np.delete(np.arange(len(pool)), np.concatenate([val, test]))
    parts = {"val": val, "test": test} if shares[1] else {"val": val}
    drawn = " and ".join(
        f"{name} {len(part):,} ({share * 100:.3g} % of each class)"
        for (name, part), share in zip(parts.items(), shares, strict=False)
    )
    small = int(((counts > 0) & (counts < MIN_CLASS_IMAGES)).sum())
    notes = (
        f"; classes of fewer than {MIN_CLASS_IMAGES} images ({small}) stay in train"
        if small
        else ""
    )
    notes += note
    rule = f"{state}: {drawn} drawn by seed {seed}, train the other {len(train):,}{notes}"
    return Sets(pool[train], pool[val], pool[test], rule)


def require_trainable(dataset: Dataset, sets: Sets) -> NDArray[np.int64]:
    """There is something to learn, and something to measure it with.

    Returns:
        Training images of each class.

    Raises:
        DataError: a single class, a class that train has no image of, or no val.
    """
    if len(dataset.classes) < 2:
        only = ", ".join(map(repr, dataset.classes))
        wrong = f"there is only one class, {only}"
        raise checks.data_error(dataset.address, wrong, "add a folder of images of something else")
    labels = dataset.samples.labels[sets.train]
    counts = np.bincount(labels, minlength=len(dataset.classes))
    if not counts.all():
        wrong = f"train has no image of {checks.class_names(dataset, counts == 0)}"
        raise checks.data_error(dataset.address, wrong, "add images, or remove the class")
    if not len(sets.val):
        wrong = "no class has the three images needed to set one aside for validation"
        raise checks.data_error(dataset.address, wrong, "add images")
    return counts


@dataclass(slots=True, eq=False)
class _Draw:
    """Drawing from a pool, where near-duplicates follow their leader: places in it everywhere."""

    labels: NDArray[np.int64]
    leaders: NDArray[np.int64]  # of each the first of its group, or itself
    kept: NDArray[np.bool_]  # which stay in train
    hashes: NDArray[np.uint64]  # decide the order
    takes: NDArray[np.int64]  # (2, classes): for val and for test
    most: NDArray[np.int64]  # images of each class that a group may hold to be drawn

    def parts(self) -> list[NDArray[np.int64]]:
        """Val and test: of each class the first in order, and what belongs to the last of them."""
        leaders, labels, parts = self.leaders, self.labels, []
        order = np.lexsort((self.hashes, leaders, self.hashes[leaders], self.kept, labels))
        for take in self.takes:
            counts = np.bincount(labels[order], minlength=len(take))
            rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
            starts = np.concatenate([[True], np.diff(leaders[order]) != 0])
            begins = np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))
            drawn = (rank[begins] < np.repeat(take, counts)) & ~self.kept[order]
            parts.append(np.sort(order[drawn]))
            order = order[~drawn]
        return parts

    def keep(self) -> None:
        """Keep groups in train that are of several classes, or too large."""
        leaders, labels = self.leaders, self.labels
        kept = np.bincount(leaders, minlength=len(leaders)) > self.most[labels]
        kept[leaders[labels != labels[leaders]]] = True
        self.kept = kept[leaders]

    def share(self, label: int, val: NDArray[np.int64]) -> bool:
        """Leave half of the groups that val takes of a class to test; whether it takes several."""
        val = val[self.labels[val] == label]
        leaders = self.leaders[val]
        leaders = leaders[np.lexsort((self.hashes[val], leaders, self.hashes[leaders]))]
        starts = np.flatnonzero(np.diff(leaders, prepend=-1))
        if len(starts) > 1:
            self.takes[0, label] = starts[len(starts) // 2]
        return len(starts) > 1

    def cut(self, label: int, by_name: NDArray[np.int64]) -> bool:
        """Cut what the largest kept group has of a class into pieces that can be drawn.

        Returns:
            Whether there was one: a cut for another class may have made it drawable already.
        """
        members = np.flatnonzero(self.kept & (self.labels == label))
        if not len(members):
            return False
        leaders, sizes = np.unique(self.leaders[members], return_counts=True)
        largest = leaders[np.lexsort((self.hashes[leaders], sizes))[-1]]
        group = by_name[self.leaders[by_name] == largest]
        for other in np.unique(self.labels[group]).tolist():
            part = group[self.labels[group] == other]
            size = int(min(self.takes[:, label].max(), self.most[label]))
            size = size if other == label else len(part)
            self.leaders[part] = part[np.arange(len(part)) // size * size]
        self.keep()
        return True


def _follow(
    draw: _Draw, dataset: Dataset, pool: NDArray[np.int64], duplicate_groups: DuplicateGroups
) -> str:
    """Let the images of each group follow its first one, as far as each set gets every class.

    Args:
        draw: changed in place.
        dataset: whose samples are divided.
        pool: indices of the samples that are.
        duplicate_groups: groups, by number in the order of names.

    Returns:
        What it came to, to end the rule with.
    """
    place = np.full(len(dataset.samples), -1)
    place[pool] = np.arange(len(pool))
    by_name = place[order_of_names(dataset)]
    members = by_name[np.concatenate([np.asarray(group) for group in duplicate_groups])]
    group = np.repeat(np.arange(len(duplicate_groups)), [len(group) for group in duplicate_groups])
    group, members = group[members >= 0], members[members >= 0]
    _, first, number = np.unique(group, return_index=True, return_inverse=True)
    draw.leaders[members] = members[first][number]
    draw.keep()
    groups = len(np.unique(draw.leaders[draw.leaders != np.arange(len(pool))]))
    cut = np.zeros(draw.takes.shape[1], np.bool_)
    while True:
        parts = draw.parts()
        found = [np.bincount(draw.labels[part], minlength=len(cut)) for part in parts]
        lacking = ((draw.takes > 0) & (np.array(found) == 0)).any(axis=0)
        changed = False
        for label in np.flatnonzero(lacking).tolist():
            if draw.share(label, parts[0]):
                changed = True
            elif draw.cut(label, by_name[by_name >= 0]):
                changed = cut[label] = True
        if not changed:
            break
    if not groups:
        return ""
    kept = "group of near-duplicates is" if groups == 1 else "groups of near-duplicates are"
    note = f"; {groups:,} {kept} kept together"
    if cut.any():
        note += f", except the largest of {checks.class_names(dataset, cut)}, parts of which had "
        note += "to go into val and test: scores of these classes will be too high"
    return note


def groups_by_name(dataset: Dataset, groups: Iterable[Sequence[int]]) -> list[list[int]]:
    """Groups of sample indices as `split_dataset` takes them, and as they are saved with a run.

    The numbers are places in the order of names, which does not depend on how files are listed.
    """
    number = np.empty(len(dataset.samples), np.int64)
    number[order_of_names(dataset)] = np.arange(len(number))
    return sorted(sorted(number[list(group)].tolist()) for group in groups)


def order_of_names(dataset: Dataset) -> NDArray[np.int64]:
    """The samples in the order of their names."""
    names = dataset.samples.names
    return np.array(sorted(range(len(names)), key=names.__getitem__), np.int64)
