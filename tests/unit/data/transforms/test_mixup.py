"""Mixup and CutMix: their shares, and what of an image stays its own."""

from dataclasses import astuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inceptionkit.data.transforms.augmentation import Mixing
from inceptionkit.data.transforms.pipeline import Mixture, draw_mixture, mix

MANY = 4_000
SIDE = 32


def drawn(how: Mixing, count: int = MANY) -> list[Mixture]:
    found = (draw_mixture(how, SIDE, seed=3, step=step) for step in range(count))
    return [mixture for mixture in found if mixture is not None]


def test_without_mixing_nothing_is_drawn() -> None:
    assert drawn(Mixing(), 50) == []


def test_in_mixup_the_larger_share_is_the_image_s_own() -> None:
    shares = [mixture.kept for mixture in drawn(Mixing(mixup=0.2))]

    assert min(shares) >= 0.5
    assert max(shares) <= 1.0
    # E[max(b, 1 - b)] of Beta(0.2, 0.2) is 1 - I_0.5(1.2, 0.2), the incomplete beta function
    assert abs(np.mean(shares) - 0.8989) < 0.01


def test_cutmix_takes_every_share_as_often_less_what_lies_beyond_the_border() -> None:
    """Beta(1, 1) is uniform. A square of half-side r keeps of its area (1 - r / 2)^2 on average."""
    shares = np.array([mixture.kept for mixture in drawn(Mixing(cutmix=1.0))])
    cut = np.sqrt(np.linspace(0, 1, 10_001))  # side of the square, in sides of the image
    kept = np.where(cut <= 1, 1 - cut / 4, 0) ** 2 * cut**2

    assert abs((1 - shares).mean() - kept.mean()) < 5 * shares.std() / np.sqrt(MANY)
    assert ((shares >= 0) & (shares <= 1)).all()


def test_the_share_of_the_class_is_that_of_the_pixels() -> None:
    images = torch.stack([torch.full((3, SIDE, SIDE), float(n)) for n in range(2)])
    for mixture in drawn(Mixing(cutmix=1.0), 40) + drawn(Mixing(mixup=1.0), 40):
        first, second = mix(images, images.roll(1, 0), mixture)

        assert float(first.mean()) == pytest.approx(1 - mixture.kept, abs=1e-6)
        assert float(second.mean()) == pytest.approx(mixture.kept, abs=1e-6)


def test_with_both_an_update_takes_one_or_the_other() -> None:
    cuts = [mixture.box is not None for mixture in drawn(Mixing(mixup=0.2, cutmix=1.0))]

    assert abs(np.mean(cuts) - 0.5) < 5 * 0.5 / np.sqrt(MANY)


@given(seed=st.integers(0, 2**63), step=st.integers(0, 2**40), alpha=st.floats(0.01, 10))
def test_a_mixture_depends_on_seed_and_update_alone(seed: int, step: int, alpha: float) -> None:
    how = Mixing(mixup=alpha, cutmix=alpha)
    once, again = (draw_mixture(how, SIDE, seed=seed, step=step) for _ in range(2))

    assert once is not None
    assert again is not None
    assert astuple(once) == astuple(again)
    assert 0 <= once.kept <= 1


@pytest.mark.parametrize("mixture", [Mixture(1.0), Mixture(1.0, (5, 5, 5, 5))])
def test_at_a_share_of_one_nothing_changes(mixture: Mixture) -> None:
    images = torch.randn(5, 3, 8, 8)

    assert torch.equal(mix(images, images.roll(1, 0), mixture), images)


@pytest.mark.parametrize("side", [1, 2])
def test_images_of_one_pixel_can_be_mixed(side: int) -> None:
    for step in range(50):
        mixture = draw_mixture(Mixing(cutmix=1.0), side, seed=0, step=step)

        assert mixture is not None
        assert mix(*torch.randn(2, 1, 3, side, side), mixture).isfinite().all()
