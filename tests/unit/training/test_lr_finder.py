"""Which rate of a sweep is taken, where the loss of single batches is noisy."""

import numpy as np
import pytest

from inceptionkit.training.lr_finder import FIRST, SMOOTH, lowest

COUNT = 100


def smoothed(seen: np.ndarray) -> np.ndarray:
    found, smooth = [], 0.0
    for number, loss in enumerate(seen, 1):
        smooth = SMOOTH * smooth + (1 - SMOOTH) * loss
        found.append(smooth / (1 - SMOOTH**number))
    return np.array(found)


def valley(noise: float, seed: int) -> np.ndarray:
    """A loss that stands at 2, falls to 1 at step 70, and then explodes."""
    number = np.arange(COUNT)
    slope = np.interp(number, [0, 40, 70, 85, 99], [2.0, 2.0, 1.0, 1.5, 9.0])
    return slope + noise * np.random.default_rng(seed).standard_normal(COUNT)


def test_without_noise_it_is_the_lowest() -> None:
    losses = smoothed(valley(0.0, 0))
    found = lowest(valley(0.0, 0), losses)

    assert found is not None
    assert abs(found - int(np.argmin(losses))) <= 2


@pytest.mark.parametrize("seed", range(20))
def test_noise_moves_it_a_little(seed: int) -> None:
    """Of batches of eight images the standard deviation is about that."""
    seen = valley(0.3, seed)
    found = lowest(seen, smoothed(seen))

    assert found is not None
    assert 60 <= found <= 85


@pytest.mark.parametrize("at", [0, 3, 12])
def test_a_lucky_batch_is_not_the_lowest(at: int) -> None:
    seen = valley(0.0, 0)
    seen[at] = -9.0 if at < FIRST else 0.5
    found = lowest(seen, smoothed(seen))

    assert found is not None
    assert 60 <= found <= 85


def test_a_loss_that_only_rises_has_none() -> None:
    seen = np.linspace(1.0, 9.0, COUNT)

    assert lowest(seen, smoothed(seen)) is None
    assert lowest(seen[:FIRST], smoothed(seen[:FIRST])) is None
