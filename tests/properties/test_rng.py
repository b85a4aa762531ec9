"""Laws of random draws: numbers of (seed, epoch, sample, name), and of nothing else."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inceptionkit.data.rng import CounterRng, permutation, step_seed, uniform
from inceptionkit.data.transforms.augmentation import Augmentation, Flip, PaddedCrop, RandomCrop
from inceptionkit.data.transforms.random_crop import Boxes, draw_boxes, draw_resamplers

seeds = st.integers(0, 2**63)
epochs = st.integers(0, 10_000)
names = st.text(max_size=12)
MANY = 40_000
FIVE_SIGMA = 5 / math.sqrt(MANY)  # of a share of MANY draws, at most half of it


@given(seed=seeds, epoch=epochs, name=names, start=st.integers(0, 2**40))
def test_a_draw_lies_from_zero_to_below_one(seed: int, epoch: int, name: str, start: int) -> None:
    found = uniform(seed, epoch, np.arange(start, start + 50), name)

    assert found.dtype == np.float64
    assert (found >= 0).all()
    assert (found < 1).all()
    assert len(set(found.tolist())) == 50


@given(
    seed=seeds,
    epoch=epochs,
    name=names,
    indices=st.lists(st.integers(0, 10_000), min_size=1, max_size=30, unique=True),
    shuffle=st.randoms(),
)
def test_a_draw_does_not_depend_on_its_batch(
    seed: int, epoch: int, name: str, indices: list[int], shuffle: object
) -> None:
    together = dict(zip(indices, uniform(seed, epoch, np.array(indices), name), strict=True))
    shuffle.shuffle(indices)

    for index in indices:
        assert uniform(seed, epoch, np.array([index]), name)[0] == together[index]


@given(seed=seeds, epoch=epochs)
def test_seed_epoch_and_name_each_change_the_draws(seed: int, epoch: int) -> None:
    indices = np.arange(20)
    base = uniform(seed, epoch, indices, "a")

    for other in (
        uniform(seed + 1, epoch, indices, "a"),
        uniform(seed, epoch + 1, indices, "a"),
        uniform(seed, epoch, indices, "b"),
    ):
        assert not (base == other).any()


def test_draws_are_uniform_and_unrelated() -> None:
    indices = np.arange(MANY)
    one, two = uniform(0, 0, indices, "one"), uniform(0, 0, indices, "two")
    counts, _ = np.histogram(one, 20, (0, 1))

    assert np.abs(counts / MANY - 1 / 20).max() < FIVE_SIGMA
    assert abs(np.corrcoef(one, two)[0, 1]) < FIVE_SIGMA
    assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < FIVE_SIGMA


@given(seed=seeds, epoch=epochs, count=st.integers(1, 300))
def test_order_is_a_permutation(seed: int, epoch: int, count: int) -> None:
    found = permutation(seed, epoch, count)

    assert sorted(found.tolist()) == list(range(count))
    assert (permutation(seed, epoch, count) == found).all()


def test_order_changes_with_seed_and_epoch() -> None:
    base = permutation(0, 0, 1_000)

    assert (permutation(1, 0, 1_000) == base).mean() < 0.02
    assert (permutation(0, 1, 1_000) == base).mean() < 0.02


@given(seed=seeds, step=st.integers(0, 2**40))
def test_step_seed_is_one_that_torch_takes(seed: int, step: int) -> None:
    assert 0 <= step_seed(seed, step) < 2**63
    assert step_seed(seed, step) != step_seed(seed, step + 1)


def draw_flips(flip: Flip, rng: CounterRng) -> np.ndarray:
    return draw_boxes(Augmentation(flip=flip), np.ones(len(rng.indices)), rng).mirrored


def crops(how: Augmentation, shape: float, count: int = MANY) -> Boxes:
    indices = np.arange(count)
    return draw_boxes(how, np.full(count, shape), CounterRng(0, 0, indices))


def test_area_is_uniform_and_aspect_log_uniform_where_every_draw_fits() -> None:
    """Crops of at most a quarter fit whatever their aspect, so nothing is drawn again."""
    boxes = crops(Augmentation(crop=RandomCrop(area_low=0.05, area_high=0.25)), 1.0)
    area = boxes.width * boxes.height
    stretch = np.log(boxes.width / boxes.height) / math.log(4 / 3)

    for shares in ((area - 0.05) / 0.2, (stretch + 1) / 2, boxes.top / (1 - boxes.height)):
        counts, _ = np.histogram(shares, 10, (0, 1))
        assert np.abs(counts / MANY - 0.1).max() < FIVE_SIGMA
    assert abs(np.corrcoef(area, stretch)[0, 1]) < FIVE_SIGMA
    assert abs(boxes.mirrored.mean() - 0.5) < FIVE_SIGMA


@settings(max_examples=60)
@given(
    low=st.floats(0.01, 0.6),
    more=st.floats(0.0, 0.4),
    aspect=st.floats(1.0, 3.0),
    shape=st.floats(0.05, 20.0),
    seed=seeds,
)
def test_a_crop_lies_in_its_image(
    low: float, more: float, aspect: float, shape: float, seed: int
) -> None:
    how = Augmentation(
        crop=RandomCrop(area_low=low, area_high=low + more, aspect=aspect), flip="none"
    )
    boxes = draw_boxes(how, np.full(40, shape), CounterRng(seed, 3, np.arange(40)))

    for start, length in ((boxes.top, boxes.height), (boxes.left, boxes.width)):
        assert (start >= 0).all()
        assert (length > 0).all()
        assert (start + length <= 1 + 1e-12).all()
    assert (boxes.width * boxes.height <= (low + more) * (1 + 1e-9)).all()
    assert not boxes.mirrored.any()


def test_aspect_is_that_of_pixels_not_of_shares() -> None:
    """On an image twice as wide as high, a square crop is half as wide in shares."""
    boxes = crops(Augmentation(crop=RandomCrop(area_low=0.01, area_high=0.2, aspect=1.0)), 2.0, 100)

    assert boxes.width / boxes.height == pytest.approx(0.5)


def test_the_whole_image_is_drawn_where_the_recipe_says_so() -> None:
    boxes = crops(Augmentation(crop=RandomCrop(area_low=1.0, aspect=1.0)), 1.0, 10)

    assert (boxes.top == 0).all()
    assert (boxes.width == 1).all()


@given(seed=seeds, pair=st.integers(0, 1_000))
def test_two_epochs_of_an_alternating_mirror_show_both_sides(seed: int, pair: int) -> None:
    indices = np.arange(400)
    first, second = (
        draw_flips("alternating", CounterRng(seed, 2 * pair + i, indices)) for i in (0, 1)
    )

    assert (first ^ second).all()
    assert 100 < first.sum() < 300


def test_a_random_mirror_flips_other_images_in_each_epoch() -> None:
    indices = np.arange(MANY)
    first, second = (draw_flips("random", CounterRng(0, i, indices)) for i in (0, 1))

    assert abs(first.mean() - 0.5) < FIVE_SIGMA
    assert abs((first ^ second).mean() - 0.5) < FIVE_SIGMA
    assert not draw_flips("none", CounterRng(0, 0, indices)).any()


def test_an_interpolation_at_random_is_each_of_four_as_often() -> None:
    names = draw_resamplers(CounterRng(0, 0, np.arange(MANY)))

    assert set(names) == {"bilinear", "area", "nearest", "bicubic"}
    for name in set(names):
        assert abs(names.count(name) / MANY - 0.25) < FIVE_SIGMA


def test_with_a_padding_the_central_square_is_shown() -> None:
    boxes = draw_boxes(
        Augmentation(crop=PaddedCrop(padding=4)),
        np.array([2.0, 1.0, 0.5]),
        CounterRng(0, 0, np.arange(3)),
    )

    assert boxes.width.tolist() == [0.5, 1.0, 1.0]
    assert boxes.left.tolist() == [0.25, 0.0, 0.0]
    assert boxes.height.tolist() == [1.0, 1.0, 0.5]
    assert boxes.top.tolist() == [0.0, 0.0, 0.25]


@given(seed=seeds, count=st.integers(1, 100))
def test_whole_numbers_and_signs(seed: int, count: int) -> None:
    rng = CounterRng(seed, 0, np.arange(500))

    assert set(rng.signs("a").tolist()) == {1.0, -1.0}
    assert rng.below("a", count).min() >= 0
    assert rng.below("a", count).max() < count


def test_a_crop_keeps_the_draws_it_always_had() -> None:
    """Runs that were recorded can be repeated: names and order of draws are a promise."""
    boxes = draw_boxes(
        Augmentation(), np.array([1.0, 1.5]), CounterRng(7, 2, np.array([3, 90_000]))
    )

    assert boxes.top.tolist() == [0.3410599373762948, 0.15458228708447294]
    assert boxes.width.tolist() == [0.7070574442687276, 0.5622507031082012]
    assert boxes.mirrored.tolist() == [True, True]
