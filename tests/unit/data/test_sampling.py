"""Classes of unequal size."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inceptionkit.data.loading.in_memory import Images
from inceptionkit.data.loading.sampling import (
    balanced_order,
    class_weights,
)
from inceptionkit.data.loading.sets import Balanced
from inceptionkit.data.transforms.augmentation import Augmentation, Cropping
from inceptionkit.network import Logits
from inceptionkit.training.defaults import choose_balance
from inceptionkit.training.loop import deep_supervision_loss
from inceptionkit.training.run.start import class_histogram


def images(labels: list[int]) -> Images:
    pixels = torch.arange(len(labels), dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 2, 2)
    names = [f"{n}.png" for n in range(len(labels))]
    return Images(pixels, torch.tensor(labels), np.arange(1.0, len(labels) + 1), names)


@given(labels=st.lists(st.integers(0, 4), min_size=1, max_size=60), seed=st.integers(0, 9))
def test_every_class_comes_equally_often_and_no_image_before_its_turn(
    labels: list[int], seed: int
) -> None:
    own = np.array(labels)
    epochs = [balanced_order(seed, epoch, own) for epoch in range(4)]
    seen = np.bincount(np.concatenate(epochs) % len(own), minlength=len(own))

    for taken in epochs:
        counts = np.bincount(own[taken % len(own)])
        assert len(taken) == len(own)
        assert len(set(taken.tolist())) == len(own), "no two draws are alike"
        assert np.ptp(counts[counts > 0]) <= 1
    for label in set(labels):
        assert np.ptp(seen[own == label]) <= 1


def test_an_epoch_is_a_function_of_seed_and_epoch() -> None:
    drawn = Balanced(images([0] * 30 + [1] * 3))
    orders = [drawn.order(*key).tolist() for key in ((0, 0), (0, 0), (0, 1), (1, 0))]

    assert orders[0] == orders[1]
    assert len({tuple(order) for order in orders}) == 3


def test_a_repeated_image_is_the_same_image_with_another_draw() -> None:
    drawn = Balanced(images([0] * 7 + [1]))
    order = drawn.order(0, 0)
    rare = order[order % 8 == 7]
    cropping = Cropping(how=Augmentation(), side=1, seed=0, epoch=0)
    crops, labels = drawn.crops(rare, cropping, "cpu")

    assert sorted(rare.tolist()) == [7, 15, 23, 31]
    assert labels.tolist() == [1] * 4
    assert crops[:, 0, 0, 0].round().tolist() == [7] * 4
    assert drawn.names[int(rare[-1])] == "7.png"
    assert len(drawn) == 8


def test_weights_are_inverse_to_the_sizes_and_one_for_the_mean_image() -> None:
    counts = np.array([90, 0, 9, 1])
    weights = class_weights(counts)

    assert (weights * counts).sum() / counts.sum() == pytest.approx(1.0)
    assert weights[0] * 90 == pytest.approx(weights[3])
    assert weights[1] == 0


def test_a_weighted_loss_counts_a_small_class_as_much_as_a_large_one() -> None:
    """As if each image of the small class were there three times."""
    scores = torch.randn(4, 2, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 0, 0, 1])
    again = torch.tensor([0, 1, 2, 3, 3, 3])
    weights = torch.from_numpy(class_weights(np.array([3, 1]))).float()

    def loss(rows: torch.Tensor, class_weights: torch.Tensor | None) -> torch.Tensor:
        logits = Logits(scores[rows], {"early": scores[rows] / 2})
        return deep_supervision_loss(
            logits, labels[rows], weights={"early": 0.3}, smoothing=0.0, class_weights=class_weights
        )

    torch.testing.assert_close(loss(torch.arange(4), weights), loss(again, None))
    assert torch.equal(loss(again, torch.ones(2)), loss(again, None))


def test_classes_of_about_equal_size_are_left_alone_and_the_choice_says_why() -> None:
    times = "the largest class has {} times the images of the smallest, {}"
    needless, alike = "which needs no balancing", "so that each comes equally often"

    assert choose_balance(np.array([100, 90, 80])) == ("none", times.format(1.2, needless))
    assert choose_balance(np.array([100, 10])) == ("sample", times.format(10.0, alike))


def test_a_histogram_of_many_classes_shows_both_ends() -> None:
    lines = class_histogram([f"c{n}" for n in range(100)], np.arange(100)).splitlines()

    assert len(lines) == 21
    assert lines[0] == f"c99  {'#' * 40}  99"
    assert lines[10] == "... 80 classes between ..."
    assert lines[-1] == f"c0   {' ' * 40}   0"
