"""What an earlier training saw stays out of val and test, and others take its place."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inceptionkit.data import SampleTable, split_dataset
from inceptionkit.data.already_seen import Before, without_seen
from inceptionkit.errors import DataError

EACH = 40  # images of a class


@dataclass(frozen=True)
class Named:
    """A dataset without images."""

    samples: SampleTable
    classes: tuple[str, ...] = ("a", "b")
    address: str = "here"


def dataset(sets: int = -1) -> Named:
    count = EACH * 2
    names = [f"{number:03}.png" for number in range(count)]
    labels = np.repeat([0, 1], EACH).astype(np.int32)
    return Named(SampleTable(names, labels, np.full(count, sets, np.int8)))


def seen_by(data: Named, seed: int) -> Before:
    """What a model saw that was trained on a division of the data."""
    sets = split_dataset(data, seed)
    count = len(data.samples)
    known, trained, chose = (np.zeros(count, np.bool_) for _ in range(3))
    known[:], trained[sets.train], chose[sets.val] = True, True, True
    return Before(known, trained, chose)


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_another_division_of_the_same_data_keeps_val_and_test(one: int, other: int) -> None:
    data = dataset()
    old = split_dataset(data, one)
    new = without_seen(data, split_dataset(data, other), seen_by(data, one))

    assert new.test.tolist() == old.test.tolist()
    assert new.val.tolist() == old.val.tolist()
    assert new.train.tolist() == old.train.tolist()


def test_without_anything_seen_nothing_moves() -> None:
    data = dataset()
    sets = split_dataset(data, 1)
    nothing = np.zeros(len(data.samples), np.bool_)

    assert without_seen(data, sets, Before(~nothing, nothing, nothing)) is sets


def test_where_nobody_knows_what_was_seen_no_image_takes_a_place() -> None:
    """Of a stream: those of val and test are known, and the rest is not."""
    data = dataset()
    sets, before = split_dataset(data, 1), seen_by(data, 0)
    held = np.zeros(len(data.samples), np.bool_)
    held[np.concatenate([sets.val, sets.test])] = True
    found = without_seen(data, sets, Before(held, before.trained & held, before.chose & held))

    assert not before.trained[np.concatenate([found.val, found.test])].any()
    assert not before.chose[found.test].any()
    assert set(sets.train.tolist()) <= set(found.train.tolist())


def test_a_test_set_as_given_goes_without_them() -> None:
    data = dataset(0)
    samples = replace(data.samples, sets=np.tile([0, 0, 0, 2], EACH // 2).astype(np.int8))
    data = replace(data, samples=samples)
    sets = split_dataset(data, 0)
    trained = np.zeros(len(samples), np.bool_)
    trained[sets.test[:5]] = True
    found = without_seen(data, sets, Before(~np.zeros_like(trained), trained, ~trained & trained))

    assert found.test.tolist() == sets.test[5:].tolist()
    assert found.train.tolist() == sets.train.tolist()
    assert found.rule.endswith("or chosen by them: val 6, test 15")


def test_copies_of_what_was_trained_on_count_as_trained_on() -> None:
    data = dataset()
    sets = split_dataset(data, 0)
    trained = np.zeros(len(data.samples), np.bool_)
    trained[sets.train[0]] = True
    group = sorted([int(sets.train[0]), int(sets.test[0])])
    found = without_seen(
        data, sets, Before(~trained | trained, trained, trained & ~trained), [group]
    )

    assert int(sets.test[0]) in found.train.tolist()
    assert len(found.test) == len(sets.test)


def test_an_empty_set_is_refused() -> None:
    data = dataset()
    everything = np.ones(len(data.samples), np.bool_)
    with pytest.raises(DataError, match=r"^here: val would be empty, because the model was "):
        without_seen(data, split_dataset(data, 0), Before(everything, everything, everything))
