"""Averages of the weights: closed forms."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from inceptionkit.network import build
from inceptionkit.spec import Conv, Net
from inceptionkit.training.ema import (
    ema_weight,
    moving,
    polyak,
    renew_norms,
    step_weight,
    update_ema,
)
from inceptionkit.training.loop import steps_due
from inceptionkit.training.recipe import MODERN, override
from inceptionkit.training.recipes import RECIPES


def averaged(values: list[float], shares: list[float]) -> float:
    average, model = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    nn.init.constant_(average.weight, -7.0)  # the first weights must not matter
    for value, share in zip(values, shares, strict=True):
        nn.init.constant_(model.weight, value)
        update_ema(average, model, share)
    return average.weight.item()


def test_polyaks_average_is_the_mean_from_its_beginning_on() -> None:
    values = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0]
    shares = [polyak(step, begin=2) for step in range(6)]

    assert averaged(values, shares) == pytest.approx(sum(values[2:]) / 4)
    assert averaged(values[:2], shares[:2]) == values[1], "before, it follows the weights"


@pytest.mark.parametrize(("share", "begin"), [(0.5, 100), (1.0, 0), (0.0, 200), (0.25, 150)])
def test_a_recipe_says_where_polyaks_average_begins(share: float, begin: int) -> None:
    recipe = override(MODERN, ["average=polyak", f"polyak_share={share}"])
    shares = [step_weight(recipe, step=step, steps=200) for step in range(200)]

    assert shares == [polyak(step, begin=begin) for step in range(200)]


def test_a_fixed_decay_does_not_depend_on_the_length_of_the_run() -> None:
    recipe = override(MODERN, ["average=fixed_ema", "ema_decay=0.9999"])

    for steps in (10, 10**6):
        assert step_weight(recipe, step=5, steps=steps) == pytest.approx(1 - 6 / 15)
        assert step_weight(recipe, step=10**6, steps=steps) == pytest.approx(1e-4)


@pytest.mark.parametrize("done", [5, 50, 100])
def test_slow_weights_keep_more_of_themselves_as_the_run_goes_on(done: int) -> None:
    """Of five steps decay^5 times the cube of the progress, so that at first they are the fast."""
    recipe = override(MODERN, ["average=lookahead", "slow_decay=0.95"])
    weight = ema_weight(recipe, range(done - 5, done), steps=100)

    low, high = (0.95**5 * ((done - gap) / 100) ** 3 for gap in (5, 1))
    assert low <= 1 - weight <= high


def test_a_horizon_is_a_share_of_the_run() -> None:
    def weight(word: str, step: int) -> float:
        return step_weight(override(MODERN, [word]), step=step, steps=1000)

    assert weight("ema_horizon=0.1", step=10**6) == pytest.approx(0.01)
    assert weight("ema_horizon=0", step=50) == weight("average=none", step=50) == 1.0
    assert moving(0, decay=0.5) == 0.9


@given(
    every=st.integers(1, 12),
    per_epoch=st.integers(1, 30),
    steps=st.integers(1, 80),
    average=st.sampled_from(
        ["ema_horizon=0.05", "average=fixed_ema ema_decay=0.99", "average=polyak"]
    ),
)
def test_every_update_is_taken_in_once_and_an_epoch_ends_with_all_of_its_own(
    every: int, per_epoch: int, steps: int, average: str
) -> None:
    recipe = override(MODERN, [*average.split(), f"ema_every={every}"])
    taken: list[int] = []
    kept = 1.0
    for done in range(1, steps + 1):
        last = done % per_epoch == 0 or done == steps
        new = steps_due(recipe, first=(done - 1) // per_epoch * per_epoch, done=done, last=last)
        kept *= 1.0 - ema_weight(recipe, new, steps=steps)
        taken += new

        assert not last or len(taken) == done
        assert len(new) <= every

    assert taken == list(range(steps))
    one_by_one = [1.0 - step_weight(recipe, step=step, steps=steps) for step in range(steps)]
    assert kept == pytest.approx(math.prod(one_by_one), abs=1e-12)


def test_weights_that_stand_still_are_averaged_alike_however_often() -> None:
    recipe = override(MODERN, ["average=fixed_ema", "ema_decay=0.9"])
    single = [step_weight(recipe, step=step, steps=16) for step in range(16)]
    jointly = [ema_weight(recipe, range(at, at + 8), steps=16) for at in (0, 8)]

    assert averaged([2.0] * 16, single) == pytest.approx(averaged([2.0] * 2, jointly))


def test_papers_average_after_every_update() -> None:
    assert {
        name: recipe.average and recipe.average.ema_every for name, recipe in RECIPES.items()
    } == {
        "modern": 8,
        "fast": 8,
        "finetune": 8,
        "nin_2013": None,
        "keras_googlenet": None,
        "googlenet_2014": 1,
        "inception_v3_2015": 1,
    }


def test_renewed_norms_have_the_statistics_of_the_images(tiny: Net) -> None:
    """Of the first norm they can be computed directly: mean and variance of the convolution."""
    model = build(tiny, seed=1).eval()
    random = torch.Generator().manual_seed(0)
    batches = [torch.randn(4, 3, 16, 16, generator=random) for _ in range(3)]
    renew_norms(model, batches)
    norm = model.trunk["conv1"].bn
    with torch.no_grad():
        found = [model.trunk["conv1"].conv(images) for images in batches]
    means = torch.stack([x.mean((0, 2, 3)) for x in found]).mean(0)
    variances = torch.stack([x.var((0, 2, 3)) for x in found]).mean(0)

    torch.testing.assert_close(norm.running_mean, means)
    torch.testing.assert_close(norm.running_var, variances)
    assert not any(module.training for module in model.modules())
    assert norm.momentum == 0.1


def test_norms_inside_exits_have_new_statistics_too(tiny: Net) -> None:
    """As in Inception-v3's auxiliary classifier and BN-Inception's."""
    exits = [replace(exit_, head=(Conv(8), *exit_.head)) for exit_ in tiny.exits]
    model = build(replace(tiny, exits=tuple(exits)), seed=1).eval()
    norms = [module for module in model.exits.modules() if isinstance(module, nn.BatchNorm2d)]
    renew_norms(model, [torch.randn(4, 3, 16, 16) for _ in range(3)])

    assert len(norms) == 2
    assert all(int(norm.num_batches_tracked) == 3 for norm in norms)
    assert all(bool(norm.running_mean.any()) for norm in norms)


def test_what_is_frozen_keeps_its_statistics(tiny: Net) -> None:
    model = build(tiny, seed=1).eval()
    before = model.trunk["conv1"].bn.running_mean.clone()
    renew_norms(model, [torch.randn(4, 3, 16, 16)], still=[model.trunk["conv1"]])

    assert torch.equal(model.trunk["conv1"].bn.running_mean, before)
    assert model.trunk["inception2"]["p1"][0].bn.running_mean.abs().sum() > 0
