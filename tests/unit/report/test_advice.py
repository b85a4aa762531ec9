"""What the page advises, each time from a number of the run."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_up import exit_result, made_up_run

from inceptionkit.catalog import find
from inceptionkit.preprocess import Preprocessing
from inceptionkit.report.advice import kept_epoch, next_steps
from inceptionkit.report.finished_run import FinishedRun
from inceptionkit.report.headline import tiles
from inceptionkit.text import DASH
from inceptionkit.training.recipe import Recipe
from inceptionkit.training.recipes import RECIPES
from inceptionkit.training.run.request import TrainRequest

GOOD = np.array([[40, 1], [1, 40]])
MAIN = (exit_result("main", macs=9, share_of_macs=1.0, top1=0.98),)


def rows(top1: list[float], losses: list[float] | None = None) -> tuple[dict[str, float], ...]:
    losses = losses or [1 - share for share in top1]
    return tuple(
        {"epoch": k + 1.0, "seconds": k + 1.0, "lr": 0.1, "val_top1": share, "val_loss": loss}
        for k, (share, loss) in enumerate(zip(top1, losses, strict=True))
    )


def good_run(**changes: Any) -> FinishedRun:
    """A run with nothing to improve."""
    what = {"top1": 0.976, "confusion": GOOD * 20, "exits": MAIN, "epochs": rows([0.97] * 30)}
    return made_up_run(2, **what | changes)


def facts(run: FinishedRun, suspects: int = 0) -> str:
    return " ".join(one.fact for one in next_steps(run, suspects))


def test_a_good_run_is_only_to_be_used() -> None:
    (only,) = next_steps(good_run())

    assert only.command == "inceptionkit export runs/shapes-001 --to onnx --resize"


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"top1": 0.9, "epochs": rows([0.7, 0.8])}, "saw each training image 2 times"),
        ({"top1": 0.9, "epochs": rows([0.5, 0.6, 0.7, 0.8, 0.9, 0.95])}, "rose by 15.0 points"),
        (
            {"epochs": rows([0.9] * 6, [0.5, 0.4, 0.3, 0.4, 0.5, 0.6])},
            "Loss on val was 0.300 at epoch 3 and 0.600 at the end",
        ),
        ({"confusion": np.array([[400, 0], [40, 400]])}, "100 % of the mistakes are class 1 taken"),
        ({"confusion": np.array([[20, 2], [2, 20]]), "top1": 0.91}, "interval of top-1 is"),
        (
            {"exits": (exit_result("aux1", macs=3, share_of_macs=0.3, top1=0.97), *MAIN)},
            "Stopping at aux1 reaches 97.0 % with 30 % of the work",
        ),
    ],
)
def test_advice_begins_with_a_fact(changes: dict[str, Any], fact: str) -> None:
    assert fact in facts(good_run(**changes))
    assert fact not in facts(good_run())


@pytest.mark.parametrize(
    ("given", "longer"),
    [
        ("5s", "--budget 60s"),
        ("112s", "--budget 360s"),
        ("100h", "--budget 1080000s"),
        ("2epochs", "--epochs 6"),
        ("2e15flop", "--budget 3600s"),
    ],
)
def test_a_longer_budget_can_be_typed(given: str, longer: str) -> None:
    run = good_run(top1=0.9, epochs=rows([0.7, 0.8]))
    request = TrainRequest("shapes/", budget=given).stored("cpu")
    (first, *_) = next_steps(replace(run, record=replace(run.record, request=request)))

    assert longer in first.command
    assert "lr=0.6" in first.command
    assert "--arch" in first.command


def test_what_is_tried_next_keeps_what_was_chosen() -> None:
    net = find("googlenet:bn", classes=2, side=96)
    low = rows([0.9] * 6, [0.5, 0.4, 0.3, 0.4, 0.5, 0.6])
    asked = TrainRequest("shapes/", architecture="googlenet:bn", epochs=6).stored("cpu")
    run = good_run(epochs=low, top1=0.9)
    seen = Preprocessing(size=96)
    record = replace(run.record, request=asked, architecture=net, preprocessing=seen)
    run = replace(run, record=record)
    pretrained, by_heart, *_ = next_steps(run)

    assert pretrained.command == (
        "inceptionkit train shapes/ --epochs 6 --from torchvision/googlenet"
    )
    assert "--arch googlenet:bn --seed 0" in by_heart.command
    assert "--epochs 6 --input 96" in by_heart.command
    assert "patience=5" in by_heart.command
    assert "mixup=0.4" in by_heart.command


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_what_is_varied_applies_to_every_recipe(recipe: Recipe) -> None:
    low = rows([0.9] * 6, [0.5, 0.4, 0.3, 0.4, 0.5, 0.6])
    run = good_run(epochs=low)
    (first, *_) = next_steps(replace(run, record=replace(run.record, recipe=recipe)))

    assert "mixup=0.4" in first.command


def test_labels_that_may_be_wrong_lead_to_a_check() -> None:
    (first, *_) = next_steps(good_run(), 3)

    assert first.fact.startswith("3 scored images may have the wrong label (see above)")
    assert first.command == "inceptionkit check shapes/ --folds 5"


def test_a_class_that_is_hardly_found_is_named() -> None:
    run = made_up_run(3, confusion=np.array([[90, 5, 5], [5, 90, 5], [40, 40, 20]]), exits=MAIN)

    assert "Only 20 % of the class 2 images are recognized; of all classes 67 %" in facts(run)


def test_a_run_that_learned_nothing_is_told_so_and_nothing_else() -> None:
    found = {"says": "all are a", "cause": "it is too short", "command": "inceptionkit train x"}
    (only,) = next_steps(good_run(nothing_learned=found), 3)

    assert only.fact == "This run learned nothing: all are a."
    assert only.action == "The likely cause: it is too short. Try this:"
    assert only.command == "inceptionkit train x"


def test_no_more_than_four_things_are_advised() -> None:
    worst = made_up_run(
        3,
        top1=0.67,
        confusion=np.array([[9, 1, 0], [0, 9, 1], [6, 2, 2]]),
        epochs=rows([0.3, 0.4, 0.5, 0.6], [0.4, 0.5, 0.6, 0.7]),
    )

    assert len(next_steps(worst, 9)) == 4


def test_nothing_is_advised_where_nothing_was_scored() -> None:
    assert next_steps(made_up_run(2, confusion=np.zeros((2, 2), np.int64), top1=None)) == ()


def test_why_the_kept_model_is_not_that_of_the_best_epoch() -> None:
    lucky, fallen = rows([0.5, 0.82, 0.80]), rows([0.5, 0.95, 0.60])

    assert kept_epoch(made_up_run(epochs=rows([0.5, 0.8]))) == (
        "The kept model is that of the last epoch, 2, the best on val."
    )
    assert "2.0 points are within what chance does on 100 images" in kept_epoch(
        made_up_run(epochs=lucky)
    )
    assert "35.0 points are more than chance does on 100 images" in kept_epoch(
        made_up_run(epochs=fallen)
    )
    assert kept_epoch(made_up_run(epochs=())) == ""


def test_weights_that_were_only_fitted_may_be_the_kept_ones() -> None:
    run = made_up_run(epochs=rows([0.5, 0.6]), fitted_top1=0.7)

    assert "no epoch reached its 70.0 % on val" in kept_epoch(run)


def test_no_tile_is_a_dash() -> None:
    told = made_up_run(top5=None, peak_bytes=None, seconds=float("nan"))

    assert [tile.name for tile in tiles(told)] == ["params", "work per image", "images per second"]
    assert DASH not in {tile.value for tile in tiles(told)}
