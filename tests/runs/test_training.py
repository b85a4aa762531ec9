"""Short real trainings: they learn, and they can be repeated."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hearing import Collects

import inceptionkit
from inceptionkit.errors import Interrupted, RecipeError, TrainingError
from inceptionkit.spec import Net
from inceptionkit.training import autotune, budget, loop
from inceptionkit.training.execution import Trial
from inceptionkit.training.run import start
from inceptionkit.training.run.finish import TrainResult

SETTINGS = (
    "batch=32", "lr=1.6", "schedule=linear", "warmup=0.1", "label_smoothing=0", "ema_horizon=0.1",
    "area_low=0.5",
)  # fmt: skip


def digits(tiny: Net, out: Path, **options: Any) -> TrainResult:
    return inceptionkit.train(
        "digits", architecture=tiny, out=out, settings=SETTINGS, **{"epochs": 3} | options
    )


@pytest.fixture(scope="module")
def trained(tiny: Net, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    return digits(tiny, tmp_path_factory.mktemp("runs") / "digits", precision="fp32")


def test_three_epochs_learn_the_digits_far_better_than_chance(trained: TrainResult) -> None:
    """One in ten is chance; whatever the seed, the tiny network gets most of them."""
    result = trained.to_json()

    assert (result["set"], result["epochs"]) == ("test", 3.0)
    assert result["top1"] > 0.6
    assert result["top5"] > result["top1"]
    assert set(result["exits"]) == {"first", "second"}
    assert result["exits"]["second"]["top1"] > 0.25


def test_the_log_tells_of_falling_loss_and_a_rate_that_ends_at_zero(
    trained: TrainResult, rows: Callable, steps: Callable
) -> None:
    epochs, updates = rows(trained.run), steps(trained.run)

    assert [float(row["epoch"]) for row in epochs] == [1.0, 2.0, 3.0]
    assert float(epochs[-1]["train_loss"]) < 0.8 * float(epochs[0]["train_loss"])
    assert float(epochs[-1]["val_loss"]) < float(epochs[0]["val_loss"])
    assert float(epochs[-1]["lr"]) == pytest.approx(0.0, abs=1e-9)
    assert [line["step"] for line in updates] == sorted({line["step"] for line in updates})
    assert 0.15 < max(line["lr"] for line in updates) <= 0.2, "1.6 for 256 images, here 32"


def test_the_model_answers_in_python(trained: TrainResult) -> None:
    classifier = inceptionkit.load(trained.model)
    images = [np.full((8, 8), 255, np.uint8), np.zeros((30, 20, 3), np.uint8)]
    found = classifier.predict(images)
    early = classifier.predict(images, inceptionkit.StopWhenSure(0.0))

    assert [answer.exit for answer in found] == ["main", "main"]
    assert [answer.exit for answer in early] == ["first", "first"]
    for answer in found:
        assert answer.label in {str(n) for n in range(10)}
        assert answer.top[0] == (answer.label, answer.probability)
        assert [p for _, p in answer.top] == sorted((p for _, p in answer.top), reverse=True)


def test_scoring_again_gives_the_score_of_the_run(trained: TrainResult) -> None:
    found = inceptionkit.evaluate(trained.run, "digits")

    assert found.top1 == found.to_json()["top1"] == trained.top1
    assert found.to_json()["images"] == trained.images
    assert found.evaluation.scores.confusion.sum() == trained.images
    right = np.trace(found.evaluation.scores.confusion)
    assert right / found.evaluation.scores.confusion.sum() == trained.top1


@pytest.mark.usefixtures("pinned")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_two_equal_runs_give_the_same_bytes(
    tiny: Net,
    photos: Callable,
    tmp_path: Path,
    precision: str,
    weights: Callable,
    rows: Callable,
    record: Callable,
    steps: Callable,
) -> None:
    images = photos(("dark", "grey", "light"), each=40)
    one, two = (
        inceptionkit.train(
            images, architecture=tiny, out=tmp_path / name, settings=SETTINGS, epochs=2,
            precision=precision,
        ).run
        for name in ("one", "two")
    )  # fmt: skip

    assert weights(one) == weights(two)
    assert rows(one) == rows(two)
    assert steps(one) == steps(two)
    assert record(one)["execution"]["precision"] == precision
    assert (one / "predictions.csv").read_bytes() == (two / "predictions.csv").read_bytes()


@pytest.mark.usefixtures("pinned")
def test_another_seed_gives_other_weights(
    tiny: Net, photos: Callable, tmp_path: Path, weights: Callable
) -> None:
    images = photos(each=40)
    one, two = (
        inceptionkit.train(
            images, architecture=tiny, out=tmp_path / f"{seed}", settings=SETTINGS, epochs=1,
            seed=seed,
        ).run
        for seed in (0, 1)
    )  # fmt: skip

    assert weights(one) != weights(two)


def test_a_network_without_exits_trains_too(tiny: Net, tmp_path: Path, photos: Callable) -> None:
    bare = replace(tiny, exits=())
    done = inceptionkit.train(
        photos(("dark", "light"), each=20), architecture=bare, out=tmp_path / "run", epochs=8,
        settings=("batch=8", "area_low=0.5"),
    )  # fmt: skip

    assert done.exits == {}
    assert done.top1 == 1.0
    assert done.top5 is None


@pytest.mark.slow  # on the clock: not beside other tests
def test_a_time_budget_is_planned_followed_and_used_up(
    tiny: Net,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rows: Callable,
    record: Callable,
) -> None:
    """Whatever the machine does meanwhile, the schedule ends when the last plan says so."""
    monkeypatch.setattr("inceptionkit.training.budget.ENDING", 1.0)
    monkeypatch.setattr("inceptionkit.training.autotune.PROBE_SECONDS", 0.5)
    heard = Collects()
    done = digits(tiny, tmp_path / "run", epochs=None, budget="15s", listener=heard)
    told, log = record(done.run), rows(done.run)
    plans = told["plans"]

    assert told["request"]["budget"] == "15s"
    assert plans[0] | {"step": 0, "progress": 0.0} == plans[0]
    assert all(plan["seconds_left"] < 15 and plan["why"] for plan in plans)
    assert int(log[-1]["step"]) == plans[-1]["steps"]
    assert float(log[-1]["lr"]) == pytest.approx(0.0, abs=1e-9)
    assert 1 <= len([s for s in heard.said if s.startswith("plan: ")]) <= len(plans)


@pytest.mark.slow  # on the clock: not beside other tests
def test_a_machine_that_slows_down_gets_a_shorter_plan(
    tiny: Net,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rows: Callable,
    record: Callable,
) -> None:
    """The probe believes in a machine ten times as fast as it is."""
    honest = autotune.time_steps

    def boast(*args: Any) -> list[Trial]:
        return [Trial(t.execution, t.step_seconds / 10) for t in honest(*args)]

    monkeypatch.setattr(autotune, "time_steps", boast)
    monkeypatch.setattr(budget, "ENDING", 1.0)
    monkeypatch.setattr("inceptionkit.training.autotune.PROBE_SECONDS", 0.5)
    done = digits(tiny, tmp_path / "run", epochs=None, budget="15s")
    plans, log = record(done.run)["plans"], rows(done.run)

    assert len(plans) >= 2
    assert plans[1]["steps"] < plans[0]["steps"]
    assert "slower" in plans[1]["why"]
    assert plans[1]["progress"] == pytest.approx(plans[1]["step"] / plans[0]["steps"])
    assert int(log[-1]["step"]) == plans[-1]["steps"]
    assert float(log[-1]["lr"]) == pytest.approx(0.0, abs=1e-9)


def test_a_budget_too_small_for_an_epoch_names_the_smallest_that_is_not(
    tiny: Net, tmp_path: Path
) -> None:
    with pytest.raises(
        RecipeError, match=r"^the budget of 2s is too small for one epoch: .* s( here)?; "
    ):
        digits(tiny, tmp_path / "run", epochs=None, budget="2s")


def test_a_loss_that_is_not_finite_leaves_the_last_checkpoint_whole(
    tiny: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, done = loop.train_step, []

    def poisoned(job: Any, state: Any, *args: Any, **options: Any) -> Any:
        watched = honest(job, state, *args, **options)
        done.append(state.step)
        return replace(watched, loss=watched.loss * float("nan")) if state.step == 60 else watched

    monkeypatch.setattr(loop, "train_step", poisoned)
    with pytest.raises(TrainingError, match=r"^the loss is not finite at step 61 ") as caught:
        digits(tiny, tmp_path / "run")
    checkpoints = sorted(p.name for p in (tmp_path / "run" / "checkpoints").iterdir())

    assert checkpoints == ["step-000000045.safetensors"]
    assert str(caught.value).count("digits#") == 3


def test_training_gives_back_the_arithmetic_of_the_process(
    tiny: Net, tmp_path: Path, photos: Callable
) -> None:
    """Whoever trains in a notebook goes on computing as before: tiny numbers stay."""
    done = inceptionkit.train(
        photos(each=20), architecture=tiny, out=tmp_path / "run", epochs=1, settings=("batch=8",)
    )

    assert done.epochs == 1.0
    assert sys.float_info.min / 2 > 0
    assert float(torch.tensor(1e-310, dtype=torch.float64) * 1) > 0


@pytest.fixture
def explodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the third step on the loss is a thousand times as large, where the rate is high."""
    honest = loop.train_step

    def step(job: Any, state: Any, *args: Any, **options: Any) -> Any:
        watched = honest(job, state, *args, **options)
        exploded = state.step >= 2 and job.recipe.optimizer.lr > 1
        return replace(watched, loss=watched.loss * 1e3) if exploded else watched

    monkeypatch.setattr(loop, "train_step", step)


@pytest.mark.usefixtures("explodes", "pinned")
def test_a_loss_that_explodes_in_the_warm_up_restarts_the_run_with_a_tenth_of_the_rate(
    tiny: Net, tmp_path: Path, record: Callable, rows: Callable, steps: Callable, weights: Callable
) -> None:
    heard = Collects()
    restarted = digits(tiny, tmp_path / "restarted", epochs=1, listener=heard)
    lower = [setting.replace("lr=1.6", "lr=0.16") for setting in SETTINGS]
    whole = inceptionkit.train(
        "digits", architecture=tiny, out=tmp_path / "lower", settings=lower, epochs=1
    )
    told = record(restarted.run)
    (why,) = [one for one in told["reasons"] if one.startswith("lr=0.16: ")]

    assert why in heard.said
    assert heard.phases == ["reading images", "probing", "training", "scoring test", "report"]
    assert why.startswith(
        "lr=0.16: the run restarts with a tenth of the learning rate, because the loss exploded to "
    )
    assert (told["restarted"], record(whole.run)["restarted"]) == (True, False)
    assert told["recipe"] == record(whole.run)["recipe"]
    assert [plan["step"] for plan in told["plans"]] == [0]
    assert rows(restarted.run) == rows(whole.run)
    assert steps(restarted.run) == steps(whole.run)
    assert weights(restarted.run) == weights(whole.run)


@pytest.mark.usefixtures("explodes", "pinned")
@pytest.mark.parametrize("step", [2, 20], ids=["before it restarts", "after"])
def test_a_run_that_restarts_is_resumed_exactly(
    tiny: Net, tmp_path: Path, cuts: Callable, weights: Callable, steps: Callable, step: int
) -> None:
    whole = digits(tiny, tmp_path / "whole", epochs=1)
    cuts(step)
    with pytest.raises(Interrupted):
        digits(tiny, tmp_path / "cut", epochs=1)
    resumed = inceptionkit.resume(tmp_path / "cut")

    assert weights(resumed.run) == weights(whole.run)
    assert steps(resumed.run) == steps(whole.run)


@pytest.mark.usefixtures("pinned")
def test_a_run_restarts_once(tiny: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = loop.train_step

    def step(*args: Any, **options: Any) -> Any:
        watched = honest(*args, **options)
        return replace(watched, loss=watched.loss * float("nan"))

    monkeypatch.setattr(loop, "train_step", step)
    with pytest.raises(TrainingError, match=r"^the loss is not finite at step 1 .*lr=0\.053 or"):
        digits(tiny, tmp_path / "run")


def test_threads_are_as_many_as_the_quota_pays_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.get_num_threads()
    monkeypatch.setattr(start, "cores", lambda: 1)
    torch.set_num_threads(2)
    try:
        inceptionkit.train(
            "digits", architecture="compact", input_size=8, epochs=1, precision="fp32",
            out=tmp_path / "run", listener=None,
        )  # fmt: skip
    finally:
        torch.set_num_threads(before)

    assert json.loads((tmp_path / "run" / "run.json").read_text())["threads"] == 1
