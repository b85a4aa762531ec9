"""Dividing so that near-duplicates stay in one set."""

from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inceptionkit.data import SampleTable, split_dataset
from inceptionkit.data.split import DuplicateGroups, groups_by_name


@dataclass(frozen=True)
class Named:
    """A dataset of which only names, labels and sets count."""

    samples: SampleTable
    classes: tuple[str, ...] = ("a", "b", "c")


def dataset(labels: list[int], sets: int = -1) -> Named:
    names = [f"{n:04d}.jpg" for n in range(len(labels))]
    column = np.full(len(labels), sets, np.int8)
    return Named(SampleTable(names, np.array(labels, np.int32), column))


@st.composite
def grouped(draw: st.DrawFn) -> tuple[Named, list[list[int]]]:
    """A dataset, and groups of its samples; no sample is in two."""
    labels = draw(st.lists(st.integers(0, 2), min_size=6, max_size=150))
    owner = draw(st.lists(st.integers(0, 40), min_size=len(labels), max_size=len(labels)))
    groups = [[n for n, one in enumerate(owner) if one == group] for group in range(30)]
    return dataset(labels), [group for group in groups if len(group) > 1]


def set_of(named: Named, seed: int, duplicate_groups: DuplicateGroups) -> np.ndarray:
    sets = split_dataset(named, seed, duplicate_groups=duplicate_groups)
    place = np.full(len(named.samples), -1)
    for number, part in enumerate((sets.train, sets.val, sets.test)):
        place[part] = number
    return place


@given(drawn=grouped(), seed=st.integers(0, 2**63))
def test_no_group_is_in_two_sets_unless_the_rule_says_so_and_nothing_is_lost(
    drawn: tuple[Named, list[list[int]]], seed: int
) -> None:
    named, groups = drawn
    place = set_of(named, seed, groups)
    rule = split_dataset(named, seed, duplicate_groups=groups).rule
    cut = rule.partition("except the largest of ")[2].partition(", parts of")[0]
    across = [group for group in groups if len(set(place[group].tolist())) > 1]

    assert (place >= 0).all()
    for group in across:
        assert any(f"'{named.classes[n]}'" in cut for n in named.samples.labels[group])


@given(drawn=grouped(), seed=st.integers(0, 2**63))
def test_no_grouping_takes_a_class_out_of_a_set(
    drawn: tuple[Named, list[list[int]]], seed: int
) -> None:
    named, groups = drawn
    place, labels = set_of(named, seed, groups), named.samples.labels
    enough = [n for n in range(3) if (labels == n).sum() >= 3]

    assert [[(labels[place == part] == n).any() for part in range(3)] for n in enough] == [
        [True] * 3 for _ in enough
    ]


@given(drawn=grouped(), seed=st.integers(0, 2**63))
def test_every_class_keeps_images_in_train(drawn: tuple[Named, list[list[int]]], seed: int) -> None:
    named, groups = drawn
    place = set_of(named, seed, groups)

    assert set(named.samples.labels[place == 0].tolist()) == set(named.samples.labels.tolist())


@given(drawn=grouped(), seed=st.integers(0, 2**63))
def test_groups_of_one_change_no_draw(drawn: tuple[Named, list[list[int]]], seed: int) -> None:
    named, _ = drawn
    alone = [[n] for n in range(len(named.samples))]

    assert set_of(named, seed, alone).tolist() == set_of(named, seed, ()).tolist()
    assert (
        split_dataset(named, seed, duplicate_groups=alone).rule == split_dataset(named, seed).rule
    )


def test_ungrouped_classes_are_drawn_as_without_groups() -> None:
    named = dataset([0] * 100 + [1] * 100)
    plain, with_groups = set_of(named, 3, ()), set_of(named, 3, [[1, 5, 90], [7, 8]])

    assert plain[100:].tolist() == with_groups[100:].tolist()
    assert (plain[:100] != with_groups[:100]).sum() <= 12


def test_scenes_of_twenty_frames_still_give_val_and_test() -> None:
    named = dataset([0] * 100 + [1] * 100)
    scenes = [list(range(start, start + 20)) for start in range(0, 200, 20)]
    place = set_of(named, 0, scenes)

    assert np.bincount(place).tolist() == [120, 40, 40]


def test_a_class_that_is_one_picture_is_cut_into_runs_of_neighbors() -> None:
    named = dataset([0] * 50 + [1] * 50)
    place = set_of(named, 0, [list(range(50))])
    rule = split_dataset(named, 0, duplicate_groups=[list(range(50))]).rule

    for part in (1, 2):
        drawn = np.flatnonzero(place[:50] == part)
        assert drawn.tolist() == list(range(drawn[0], drawn[0] + 5))
    assert np.bincount(place[50:]).tolist() == [40, 5, 5]
    assert rule.endswith(
        "1 group of near-duplicates is kept together, except the largest of 'a', parts of which "
        "had to go into val and test: scores of these classes will be too high"
    )


def test_of_two_clips_a_class_one_is_cut() -> None:
    named = dataset([0] * 60 + [1] * 40)
    clips = [list(range(*ends)) for ends in ((0, 35), (35, 60), (60, 78), (78, 100))]
    place = set_of(named, 1, clips)

    across = [clip for clip in clips if len(set(place[clip].tolist())) > 1]
    assert across == [clips[0], clips[3]]  # the largest of each class


def test_a_camera_that_never_moves_shows_all_classes_alike() -> None:
    place = set_of(dataset([0] * 50 + [1] * 30), 0, [list(range(80))])

    assert np.bincount(place[:50]).tolist() == [40, 5, 5]
    assert np.bincount(place[50:]).tolist() == [24, 3, 3]


def test_nothing_is_cut_where_the_other_images_suffice() -> None:
    named = dataset([0] * 100)
    place = set_of(named, 0, [list(range(90))])  # val would take the ten others, and leave none

    assert np.bincount(place).tolist() == [90, 5, 5]
    assert set(place[:90].tolist()) == {0}


def test_copies_with_different_labels_stay_in_train() -> None:
    named = dataset([0] * 50 + [1] * 50)
    pairs = [[n, 50 + n] for n in range(25)]
    place = set_of(named, 0, pairs)

    assert set(place[np.array(pairs)].ravel().tolist()) == {0}


def test_given_sets_are_not_changed() -> None:
    named = dataset([0, 1] * 30, sets=2)

    assert split_dataset(named, 0, duplicate_groups=[[0, 2]]).rule == split_dataset(named, 0).rule


def test_the_rule_tells_how_many_groups_were_kept_together() -> None:
    rule = split_dataset(dataset([0] * 100), 0, duplicate_groups=[[1, 5], [7, 8, 9]]).rule

    assert rule.endswith("train the other 80; 2 groups of near-duplicates are kept together")


def test_groups_are_numbered_by_name_however_files_are_listed() -> None:
    names = ["b", "a", "d", "c"]
    named = Named(SampleTable(names, np.zeros(4, np.int32), np.full(4, -1, np.int8)))

    assert groups_by_name(named, [(0, 2), (1, 3)]) == [[0, 2], [1, 3]]
    assert groups_by_name(named, [(2, 1)]) == [[0, 3]]
