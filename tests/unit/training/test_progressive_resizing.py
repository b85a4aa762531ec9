"""Crops that are small at first, and what a plan makes of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from inceptionkit.catalog import architecture
from inceptionkit.data.loading.in_memory import Images
from inceptionkit.preprocess import Preprocessing
from inceptionkit.training.execution import Execution
from inceptionkit.training.recipe import MODERN, override
from inceptionkit.training.run.planning import mean_step_cost, relative_step_cost
from inceptionkit.training.state import TrainConfig


@pytest.fixture
def job() -> TrainConfig:
    images = Images(
        torch.zeros(4, 3, 128, 128, dtype=torch.uint8),
        torch.zeros(4, dtype=torch.int64),
        np.ones(4),
        ("a", "b", "c", "d"),
    )
    return TrainConfig(
        net=architecture("compact", input=128),
        recipe=override(MODERN, ["crop_side=0.75", "small_crops=0.55"]),
        execution=Execution(),
        preprocessing=Preprocessing(size=128),
        train=images,
        val=images,
        seed=0,
    )


def test_crops_have_two_thirds_of_their_side_until_the_share_is_reached(job: TrainConfig) -> None:
    sides = [job.at(share).crop_side for share in (0.0, 0.549, 0.55, 1.0)]

    assert sides == [64, 64, 96, 96]


def test_without_small_crops_nothing_changes(job: TrainConfig) -> None:
    plain = replace(job, recipe=override(job.recipe, ["small_crops=0"]))

    assert plain.at(0.0) == plain
    assert (relative_step_cost(plain, 0.0), mean_step_cost(plain, 0.0)) == (1.0, 1.0)


def test_a_small_crop_costs_what_its_area_does(job: TrainConfig) -> None:
    assert relative_step_cost(job, 0.0) == pytest.approx((64 / 96) ** 2, rel=0.01)


def test_the_mean_work_that_is_left_is_the_mean_of_the_work_that_is_left(job: TrainConfig) -> None:
    for share in (0.0, 0.2, 0.54, 0.55, 0.9):
        left = np.linspace(share, 1.0, 201)[:-1]
        mean = np.mean([relative_step_cost(job, at) for at in left])
        assert mean_step_cost(job, share) == pytest.approx(mean, abs=5e-3)
