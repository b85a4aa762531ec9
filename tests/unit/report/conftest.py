"""A made-up run of any number of classes, to be varied by the tests."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from inceptionkit.report.content import (
    ClassRow,
    Command,
    CostRow,
    CostTotals,
    EpochRow,
    ExitRow,
    Picture,
    PlanRow,
    RunContent,
    UnusableRow,
)

MakeRun = Callable[..., RunContent]


def picture(side: int, seed: int, truth: str, guess: str) -> Picture:
    """A picture with as much detail as a photo."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 200, (-(-side // 32), -(-side // 32), 3), dtype=np.uint8)
    pixels = coarse.repeat(32, axis=0).repeat(32, axis=1)[:side, :side] // 2
    pixels += random.integers(0, 16, pixels.shape, dtype=np.uint8)
    return Picture(
        pixels=pixels, name=f"{truth}/{seed}.jpg", truth=truth, guess=guess, probability=0.9
    )


def exit_row(name: str, *, macs: int, share_of_macs: float, top1: float) -> ExitRow:
    """An exit after a block of its own."""
    return ExitRow(
        name=name, after=f"before {name}", macs=macs, share_of_macs=share_of_macs, top1=top1
    )


def made_up_run(
    class_count: int = 10,
    /,
    *,
    side: int = 8,
    epoch_count: int = 3,
    **changes: Any,
) -> RunContent:
    """A complete run; `changes` replace fields of its content."""
    names = tuple(f"class {k}" for k in range(class_count))
    confusion = np.eye(class_count, dtype=np.int64) * 9
    confusion[0, 1] = 3
    curve = tuple(
        EpochRow(
            epoch=k + 1,
            seconds=2.0 * (k + 1),
            lr=0.1 / (k + 1),
            train_loss=2.0 / (k + 1),
            val_loss=1.5 / (k + 1),
            val_top1=1 - 0.8 / (k + 1),
            exits_val_top1={"aux1": 1 - 0.9 / (k + 1)},
        )
        for k in range(epoch_count)
    )
    run = RunContent(
        title="shapes with a compact network",
        subtitle="Trained from scratch.",
        made_at="2026-01-31 14:05 UTC",
        scored_set="test",
        top1=0.75,
        top5=None,
        params=6_624_904,
        macs=1_498_376_192,
        training_seconds=112.0,
        images_per_second=1043.2,
        peak_bytes=612 * 2**20,
        images={"train": 900, "val": 100, "test": 93},
        decisions=("The input is 32 pixels: the images are.",),
        plans=(PlanRow(at_epoch=0, planned_epochs=3, seconds_left=600.0, why="2.0 s an epoch"),),
        epochs=curve,
        exits=(
            exit_row("aux1", macs=700_000_000, share_of_macs=0.47, top1=0.7),
            exit_row("main", macs=1_498_376_192, share_of_macs=1.0, top1=0.75),
        ),
        classes=names,
        scores=tuple(
            ClassRow(name=name, images=9, precision=0.9, recall=1.0, f1=0.95) for name in names
        ),
        confusion=confusion,
        mistakes=tuple(picture(side, k, names[0], names[1]) for k in range(24)),
        examples=tuple(picture(side, 100 + k, names[0], names[0]) for k in range(10)),
        cost=(
            CostRow(
                block="stem",
                output="64x16x16",
                params=1_856,
                macs=118_784,
                activation_bytes=65_536,
                receptive_field=5,
            ),
        ),
        cost_totals=CostTotals(
            params=6_624_904,
            macs=1_498_376_192,
            params_with_exits=13_004_888,
            macs_with_exits=1_504_000_000,
            activation_bytes=65_536,
        ),
        unusable=(UnusableRow(path="train/a/notes.jpg", reason="not an image"),),
        commands=(Command(purpose="Repeat this run", line="inceptionkit train shapes --seed 0"),),
        machine={"CPU": "2 cores", "torch": "2.13.0"},
    )
    return replace(run, **changes)


@pytest.fixture
def make_run() -> MakeRun:
    """Maker of runs, so that test files need not import this one."""
    return made_up_run
