"""Which weights of a run are kept, and that a checkpoint has them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from inceptionkit.detection.shared.design import Design
from inceptionkit.detection.shared.recipe import DetectRecipe
from inceptionkit.detection.shared.training import (
    DetectConfig,
    TrainBoxes,
    kept_epoch,
    new_state,
)
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Net
from inceptionkit.training.checkpoint import restore_into, save_state
from inceptionkit.training.execution import Execution


@pytest.mark.parametrize(
    ("scores", "wanted"),
    [
        ([0.1, 0.3, 0.2], 2),
        ([0.3, None, 0.3, None], 3),
        ([0.0, 0.0], 2),
        ([None, None], 2),
    ],
)
def test_the_last_of_the_best_epochs_is_kept(scores: list[float | None], wanted: int) -> None:
    rows = [{"epoch": number, "val_map": score} for number, score in enumerate(scores, 1)]

    assert kept_epoch(rows) == wanted


def test_a_checkpoint_has_the_best_weights(tiny: Net, tmp_path: Path) -> None:
    image = (np.zeros((32, 32, 3), np.uint8), np.zeros((0, 4), np.float32))
    config = DetectConfig(
        design=Design(
            net=tiny, size=(32, 32), taps=("inception2",), rejecter="conv1",
            anchors=((8.0, 8.0),), channels=4, hidden=4, grid=2,
        ),
        classes=1,
        recipe=DetectRecipe(),
        execution=Execution(precision="fp32"),
        preprocessing=Preprocessing(size=16),
        train=TrainBoxes(("a.png",), [image], (np.zeros(0, np.int64),)),
        seed=0,
    )  # fmt: skip
    state, other = new_state(config), new_state(config)
    state.best = new_state(config).average
    with torch.no_grad():
        state.best.hidden.weight.fill_(3.0)

    save_state(tmp_path, state)
    restored = restore_into(tmp_path, other).state

    assert restored.best is not None
    assert restored.kept is restored.best
    assert (restored.kept.hidden.weight == 3.0).all()
    assert torch.equal(restored.average.hidden.weight, state.average.hidden.weight)
