"""TrivialAugment and RandAugment: what they draw, and that it is what they do."""

import numpy as np
import pytest
import torch

from inceptionkit.data.rng import CounterRng
from inceptionkit.data.transforms.augmentation import (
    InceptionColors,
    Policy,
    RandAugment,
    TrivialAugment,
)
from inceptionkit.data.transforms.policies import (
    NARROW,
    WIDE,
    amount,
    apply,
    operate,
    rand_augment,
    trivial_augment,
)

POLICIES: list[Policy] = [
    InceptionColors(),
    TrivialAugment(),
    RandAugment(),
    RandAugment(operations=3, magnitude=1.0),
]


def some(count: int, size: tuple[int, int] = (16, 16)) -> torch.Tensor:
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(0)) * 255


def test_there_are_fourteen_operations_of_which_one_changes_nothing() -> None:
    assert len(WIDE) == len(NARROW) == 14
    assert list(WIDE) == list(NARROW)


def test_strength_one_reaches_the_published_ends() -> None:
    """arXiv:2103.10158 for the wide space, arXiv:1805.09501 for the narrow one."""
    ends = {
        name: [float(amount(span, np.ones(1), np.full(1, sign))[0]) for sign in (1, -1)]
        for name, span in (WIDE | {f"narrow {k}": v for k, v in NARROW.items()}).items()
    }

    assert ends["rotate"] == [135, -135]
    assert ends["brightness"] == pytest.approx([1.99, 0.01])
    assert ends["posterize"] == [2, 2]
    assert ends["solarize"] == [0, 0]
    assert ends["narrow rotate"] == [30, -30]
    assert ends["narrow brightness"] == pytest.approx([1.9, 0.1])
    assert ends["narrow posterize"] == [4, 4]


@pytest.mark.parametrize("space", [WIDE, NARROW])
def test_at_strength_zero_only_operations_without_strength_change_anything(space: dict) -> None:
    plain = {k: v for k, v in space.items() if k not in ("autocontrast", "equalize")}
    pixels = some(60)

    found = operate(pixels, plain, np.zeros(60), CounterRng(0, 0, np.arange(60)), name="test")

    assert torch.equal(found, pixels)


def test_the_kinds_of_operation_are_equally_likely() -> None:
    kinds = CounterRng(0, 0, np.arange(28_000)).below("trivial operation", 14)

    assert np.abs(np.bincount(kinds) / 28_000 - 1 / 14).max() < 5 * np.sqrt(1 / 14 / 28_000)


def test_trivial_strengths_reach_both_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []

    def watched(
        pixels: torch.Tensor, _: object, strength: np.ndarray, *__: object, **___: object
    ) -> torch.Tensor:
        drawn.extend(strength.tolist())
        return pixels

    monkeypatch.setattr("inceptionkit.data.transforms.policies.operate", watched)
    trivial_augment(some(9_300, (1, 1)), CounterRng(0, 0, np.arange(9_300)))
    times = np.array([drawn.count(strength) for strength in sorted(set(drawn))])

    assert sorted(set(drawn)) == pytest.approx(np.linspace(0, 1, 31).tolist())
    assert np.abs(times / 9_300 - 1 / 31).max() < 5 * np.sqrt(1 / 31 / 9_300)


def test_rand_augment_applies_one_operation_to_what_another_made() -> None:
    pixels, rng = some(20), CounterRng(0, 0, np.arange(20))
    strength = np.full(20, 0.4)
    wanted = operate(pixels, NARROW, strength, rng, name="rand 0")
    wanted = operate(wanted, NARROW, strength, rng, name="rand 1")

    found = rand_augment(pixels, RandAugment(operations=2, magnitude=0.4), rng)

    assert torch.equal(found, wanted)


def test_magnitude_is_the_share_of_the_strongest() -> None:
    pixels, only = some(40), {"solarize": NARROW["solarize"]}
    rng = CounterRng(0, 0, np.arange(40))

    found = operate(pixels, only, np.full(40, 0.5), rng, name="rand 0")

    assert torch.equal(found, torch.where(pixels >= 128, 255 - pixels, pixels))


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_the_same_image_is_varied_alike_in_any_batch(policy: Policy) -> None:
    pixels, indices = some(24), np.arange(100, 124)

    whole = apply(policy, pixels, CounterRng(1, 2, indices))
    shuffled = np.random.default_rng(0).permutation(24)
    parts = [
        apply(policy, pixels[torch.from_numpy(part)], CounterRng(1, 2, indices[part]))
        for part in (shuffled[:5], shuffled[5:])
    ]

    torch.testing.assert_close(torch.cat(parts), whole[torch.from_numpy(shuffled)])


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_epochs_and_seeds_differ_and_nothing_is_changed_in_place(policy: Policy) -> None:
    pixels, indices = some(24), np.arange(24)
    before = pixels.clone()
    found = [apply(policy, pixels, CounterRng(*key, indices)) for key in ((0, 0), (0, 1), (1, 0))]

    assert torch.equal(pixels, before)
    assert not torch.allclose(found[0], found[1], atol=1.0)
    assert not torch.allclose(found[0], found[2], atol=1.0)


@pytest.mark.parametrize("policy", POLICIES, ids=str)
@pytest.mark.parametrize("size", [(1, 1), (1, 13), (13, 1), (2, 2)])
@pytest.mark.parametrize("level", [0.0, 255.0, None])
def test_degenerate_images_keep_size_and_range(
    policy: Policy, size: tuple[int, int], level: float | None
) -> None:
    pixels = some(80, size) if level is None else torch.full((80, 3, *size), level)

    found = apply(policy, pixels, CounterRng(0, 0, np.arange(80)))

    assert found.shape == pixels.shape
    assert found.isfinite().all()
    assert found.min() >= -0.001
    assert found.max() <= 255.001
