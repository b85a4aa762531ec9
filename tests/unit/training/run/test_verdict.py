"""A run that learned nothing says so, why that may be, and what to try."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up import made_up_record

from inceptionkit.training.run.verdict import baselines, nothing_learned

CLASSES = ("ape", "bee", "cat", "dog")
LABELS = np.repeat(np.arange(4), 25)
ROW = {"epoch": 1.0, "step": 500, "train_loss": 1.5, "val_loss": 1.38, "dead_relus": 0.0}


def told(guesses: Any, *rows: dict[str, float]) -> Any:
    record = made_up_record(CLASSES)
    rows_ = [ROW | row for row in rows or ({}, {})]
    return nothing_learned(Path("runs/x"), record, rows_, np.array(guesses), LABELS)


def test_what_needs_no_learning() -> None:
    trained = np.array([0, 1, 1, 1, 2, 3])

    assert baselines(CLASSES, trained, np.array([1, 1, 0, 2])) == {
        "chance": 0.25,
        "largest_class": "bee",
        "largest_class_top1": 0.5,
    }


@pytest.mark.parametrize("right", [60, 100])
def test_a_run_that_learned_says_nothing(right: int) -> None:
    guesses = LABELS.copy()
    guesses[right:] = (guesses[right:] + 1) % 4

    assert told(guesses) is None


def test_one_class_for_all_images() -> None:
    assert told(np.full(100, 2))["says"] == "every image is classified as 'cat'"


def test_guessing() -> None:
    found = told(np.arange(100) // 2 % 4)

    assert found["says"] == "its mean recall of 25.0 % is that of guessing"
    assert told(np.arange(100) // 2 % 4, {}, {"val_loss": 1.0}) is None, "its loss fell far below"


@pytest.mark.parametrize(
    ("rows", "cause", "tries"),
    [
        (
            ({"train_loss": 1.4}, {"train_loss": 9.0}),
            "the learning rate of 0.6 is too high",
            "0.06",
        ),
        (({}, {"dead_relus": 0.9}), "the learning rate of 0.6 is too high", "lr=0.06"),
        (({}, {"step": 30, "epoch": 2.0}), "the run is too short: 30 steps", "--epochs 20"),
        (({}, {}), "the labels do not say what the images show", "inceptionkit check shapes/"),
    ],
)
def test_the_cause_and_what_to_try(rows: Any, cause: str, tries: str) -> None:
    found = told(np.full(100, 2), *rows)

    assert found["cause"] == cause
    assert tries in found["command"]


def test_a_run_of_an_epoch_is_judged_by_it() -> None:
    assert told(np.full(100, 2), {"step": 3})["cause"] == "the run is too short: 3 steps"


def test_the_command_is_one_that_train_takes() -> None:
    record = made_up_record(CLASSES)
    record = replace(record, request=replace(record.request, budget=None, epochs=2))
    rows = [ROW, ROW | {"val_loss": 9.0}]
    command = nothing_learned(Path("runs/x"), record, rows, np.full(100, 2), LABELS)["command"]

    assert command.startswith("inceptionkit train shapes/ ")
    assert "--epochs 2" in command
