"""Pages of ten thousand classes, and findings of many copies: what they cost."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from made_up import MadeUpImages, made_up_run, made_up_scan

from inceptionkit.data.quality.findings import find
from inceptionkit.data.quality.near_duplicates import Group
from inceptionkit.evaluation.metrics import class_scores, confusion
from inceptionkit.report.confusion import confused_pairs, shades
from inceptionkit.report.pictures import Album
from inceptionkit.report.run_page import render


def test_a_matrix_of_many_classes_says_what_one_of_64_bits_says() -> None:
    random = np.random.default_rng(0)
    labels = np.concatenate([random.integers(0, 300, 5_000), np.zeros(300, np.int64)])
    guesses = np.where(random.random(5_300) < 0.4, random.integers(0, 300, 5_300), labels)
    names = tuple(map(str, range(300)))
    small, large = confusion(guesses, labels, 300), np.zeros((300, 300), np.int64)
    np.add.at(large, (labels, guesses), 1)

    assert small.dtype == np.uint8
    assert small.tolist() == large.tolist()
    assert class_scores(small, names) == class_scores(large, names)
    assert confused_pairs(small, names, limit=9) == confused_pairs(large, names, limit=9)
    assert (shades(small) == shades(large)).all()
    assert confusion(np.zeros(300, np.int64), np.zeros(300, np.int64), 2)[0, 0] == 300


@pytest.mark.slow
def test_the_page_of_ten_thousand_classes_takes_less_than_500_mb() -> None:
    count = 10_000
    labels = np.repeat(np.arange(count), 10)
    guesses = np.where(labels % 3 == 0, (labels + 1) % count, labels)
    names = tuple(f"class {number}" for number in range(count))
    run = made_up_run(2, classes=names)
    tracemalloc.start()
    page = render(replace(run, confusion=confusion(guesses, labels, count)), Album(), {})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert "class 9999" in page
    assert peak < 500e6


class Incomparable(Group):
    """A group that is looked at by itself: comparing each with each takes hours."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        msg = "groups were compared"
        raise AssertionError(msg)


def test_groups_of_copies_are_sorted_without_being_compared() -> None:
    labels, sets = [0, 0, 0, 1, 0, 0, 1, 1], [0, 0, 0, 0, 0, 2, 0, 2]
    names = [f"{number}.jpg" for number in range(8)]
    scan = made_up_scan(MadeUpImages(names, labels, sets, ("a", "b")))
    groups = [Incomparable((at, at + 1), exact=False, mirrored=False) for at in range(0, 8, 2)]
    found = {one.kind: one.images for one in find(scan, groups)}

    assert found["copies"] == (0, 1)
    assert found["across-classes"] == (2, 3)
    assert found["across-sets"] == (4, 5, 6, 7)
