"""Dividing, surveying, reading and checking a dataset."""

import threading
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inceptionkit.data import (
    SampleTable,
    Unusable,
    checks,
    decode_samples,
    open_dataset,
    split_dataset,
    survey,
)
from inceptionkit.data.split import require_trainable
from inceptionkit.errors import DataError
from inceptionkit.preprocess import Preprocessing, UnusableImage


@dataclass(frozen=True)
class Grey:
    """A dataset that is made up: image n is n + 2 high and n % 256 everywhere."""

    labels: list[int]
    sets: list[int] = field(default_factory=list)
    bad: frozenset[int] = frozenset()
    address: str = "grey"
    allows_flip: bool = True
    skipped: tuple[Unusable, ...] = ()
    blocks: None = None
    notes: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple("abcdefgh"[: max(self.labels) + 1])

    @cached_property
    def samples(self) -> SampleTable:
        sets = self.sets or [-1] * len(self.labels)
        names = [f"{n}.png" for n in range(len(self.labels))]
        return SampleTable(names, np.array(self.labels, np.int32), np.array(sets, np.int8))

    def read(self, index: int) -> bytes | NDArray[np.uint8]:
        if index in self.bad:
            return b"not an image"
        return np.full((index + 2, index + 3), index % 256, np.uint8)

    def fingerprint(self) -> str:
        return ""


def sizes(dataset: Grey, **options: float) -> tuple[int, int, int]:
    sets = split_dataset(dataset, 0, **options)
    return len(sets.train), len(sets.val), len(sets.test)


def said(function: object, *arguments: object) -> str:
    with pytest.raises(DataError) as caught:
        function(*arguments)
    return str(caught.value)


def test_an_undivided_source_gives_a_tenth_of_each_class_to_val_and_test() -> None:
    dataset = Grey([0] * 50 + [1] * 30)
    sets = split_dataset(dataset, 7)
    labels = dataset.samples.labels

    assert np.bincount(labels[sets.val]).tolist() == [5, 3]
    assert np.bincount(labels[sets.test]).tolist() == [5, 3]
    assert sets.rule == (
        "the dataset is not divided: val 8 (10 % of each class) and test 8 (10 % of each class) "
        "drawn by seed 7, train the other 64"
    )


def test_train_alone_is_divided_like_an_undivided_source() -> None:
    dataset = Grey([0] * 50 + [1] * 30, sets=[0] * 80)

    assert sizes(dataset) == (64, 8, 8)
    assert split_dataset(dataset, 0).rule.startswith("the dataset has train only: val 8 (10 %")


def test_beside_a_test_set_val_is_a_tenth_of_train() -> None:
    dataset = Grey([0, 1] * 30, sets=[0] * 40 + [2] * 20)
    sets = split_dataset(dataset, 0)

    assert sets.test.tolist() == list(range(40, 60))
    assert (len(sets.val), len(sets.train)) == (4, 36)
    assert sets.rule == (
        "test is as given: val 4 (10 % of each class) drawn by seed 0, train the other 36"
    )


def test_beside_a_test_set_val_has_at_most_2000_images() -> None:
    dataset = Grey([0, 1] * 15_000, sets=[0] * 29_000 + [2] * 1_000)

    assert sizes(dataset) == (27_000, 2_000, 1_000)


def test_given_sets_are_used_as_they_are() -> None:
    both = Grey([0, 1] * 4, sets=[0] * 6 + [1] * 2)
    all_three = Grey([0, 1] * 4, sets=[0] * 4 + [1] * 2 + [2] * 2)
    test_only = Grey([0, 1], sets=[2, 2])

    assert sizes(both) == (6, 2, 0)
    assert split_dataset(both, 0).rule == "sets as given: train 6, val 2; there is no test"
    assert sizes(all_three) == (4, 2, 2)
    assert split_dataset(all_three, 0).rule == "sets as given: train 4, val 2, test 2"
    assert split_dataset(test_only, 0).rule == "sets as given: test 2; there is no train and val"


def test_small_classes_give_one_image_or_stay_in_train() -> None:
    dataset = Grey([0] * 3 + [1] * 2 + [2] * 10)
    sets = split_dataset(dataset, 0)
    labels = dataset.samples.labels

    assert sorted(labels[sets.val]) == [0, 2]
    assert sorted(labels[sets.test]) == [0, 2]
    assert sets.rule.endswith("; classes of fewer than 3 images (1) stay in train")


def test_shares_are_the_callers() -> None:
    dataset = Grey([0] * 100)

    assert sizes(dataset, val_share=0.25, test_share=0) == (75, 25, 0)
    assert said(lambda: split_dataset(dataset, 0, val_share=0.7)) == (
        "split_dataset: the share of val must be from 0 to 0.5, got 0.7"
    )


def test_another_seed_draws_other_images() -> None:
    dataset = Grey([0] * 100)

    assert split_dataset(dataset, 0).val.tolist() != split_dataset(dataset, 1).val.tolist()


def test_a_survey_tells_the_sizes_and_how_many_are_grey() -> None:
    seen = survey(Grey([0] * 11))

    assert (seen.images, seen.smallest, seen.median, seen.largest) == (11, 2, 7, 12)
    assert seen.grey == 1.0


def test_a_survey_of_many_looks_at_some_and_always_the_same() -> None:
    dataset = Grey([0] * 1_000)

    assert survey(dataset, 100) == survey(dataset, 100)
    assert survey(dataset, 100).images == 96
    assert said(survey, Grey([0, 0], bad=frozenset({0, 1}))) == (
        "grey: none of 2 images could be opened; check that they are image files"
    )


@pytest.mark.parametrize("threads", [1, 3])
def test_images_are_read_in_the_order_asked_and_bad_ones_left_out(threads: int) -> None:
    dataset = Grey([0] * 300, bad=frozenset({0, 7, 299}))
    asked = [299, 250, 7, 3, 0, 200]
    loaded = decode_samples(dataset, asked, Preprocessing(size=4).fit, threads)

    assert loaded.indices.tolist() == [250, 3, 200]
    assert loaded.pixels[:, 0, 0, 0].tolist() == [250, 3, 200]
    assert loaded.sizes.tolist() == [[252, 253], [5, 6], [202, 203]]
    assert loaded.unusable == tuple(Unusable(f"{n}.png", "not an image") for n in (299, 7, 0))


def test_progress_is_told_in_the_calling_thread_and_ends_at_the_count() -> None:
    heard = []

    def hear(done: int) -> None:
        heard.append((done, threading.current_thread() is threading.main_thread()))

    decode_samples(Grey([0] * 200), range(200), Preprocessing(size=2).fit, 2, hear)

    assert heard[-1] == (200, True)
    assert heard == sorted(heard)
    assert len(heard) > 2


def test_nothing_usable_gives_empty_arrays() -> None:
    loaded = decode_samples(Grey([0], bad=frozenset({0})), [0], Preprocessing(size=2).fit)

    assert loaded.pixels.shape == (0, 1, 1, 3)
    assert loaded.indices.tolist() == []


def test_a_shape_that_gives_several_sizes_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match=r"^shape must give one size, got \(3, 4, 3\) after"):
        decode_samples(Grey([0, 0]), [0, 1], lambda image: image)


def test_a_shape_may_find_an_image_unusable() -> None:
    def picky(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if image[0, 0, 0] == 1:
            reason = "too plain"
            raise UnusableImage(reason)
        return image[:1, :1]

    loaded = decode_samples(Grey([0, 0, 0]), [0, 1, 2], picky)

    assert loaded.unusable == (Unusable("1.png", "too plain"),)


def test_training_needs_two_classes_each_in_train_and_a_val() -> None:
    single = Grey([0] * 9)
    tiny = Grey([0, 1, 0, 1])
    absent = Grey([0, 0, 0, 2, 2, 2])

    assert said(require_trainable, single, split_dataset(single, 0)) == (
        "grey: there is only one class, 'a'; add a folder of images of something else"
    )
    assert said(require_trainable, absent, split_dataset(absent, 0)) == (
        "grey: train has no image of 'b'; add images, or remove the class"
    )
    assert said(require_trainable, tiny, split_dataset(tiny, 0)) == (
        "grey: no class has the three images needed to set one aside for validation; add images"
    )


def test_a_class_of_which_nothing_can_be_read_is_refused_with_the_first_reason() -> None:
    dataset = Grey([0, 1, 0, 1], bad=frozenset({1, 2, 3}))
    asked = np.arange(4)
    loaded = decode_samples(dataset, asked, Preprocessing(size=2).fit)

    def refused(*, every_class: bool, read: int = 1) -> str:
        found = loaded.indices[:read]
        check = partial(checks.require_usable, every_class=every_class)
        return said(check, dataset, asked, found, loaded.unusable)

    assert refused(every_class=True) == (
        "grey: no usable image of 'b' (1.png: not an image); "
        "replace its images, or remove the class"
    )
    assert refused(every_class=False, read=0).startswith("grey: no usable image of 'a', 'b' (")
    for asked_of, every_class in ((asked, False), (asked[[0, 2]], True)):
        checks.require_usable(
            dataset, asked_of, loaded.indices, loaded.unusable, every_class=every_class
        )


def test_long_lists_of_names_are_cut() -> None:
    assert checks.quoted("abcdefg") == "'a', 'b', 'c', 'd', 'e' and 2 more"


def test_every_kind_of_bad_file_is_listed_and_the_rest_is_read(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.effect_noise((40, 40), 90).save(tmp_path / name / "good.jpg")
    whole = (tmp_path / "a" / "good.jpg").read_bytes()
    (tmp_path / "a" / "empty.jpg").touch()
    (tmp_path / "a" / "text.jpg").write_text("hello")
    (tmp_path / "a" / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    dataset = open_dataset(tmp_path)
    loaded = decode_samples(dataset, range(len(dataset.samples)), Preprocessing(size=8).fit)

    assert len(loaded.pixels) == 2
    assert loaded.unusable == (
        Unusable("a/empty.jpg", "empty file"),
        Unusable("a/text.jpg", "not an image"),
        Unusable("a/truncated.jpg", "truncated"),
    )
