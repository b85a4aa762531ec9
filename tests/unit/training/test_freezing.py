"""Loss, optimizer, moving average, budgets, execution."""

import pytest
import torch
from torch import nn

from inceptionkit.errors import RecipeError
from inceptionkit.network import Logits, build
from inceptionkit.network.build import check_device
from inceptionkit.spec import Net
from inceptionkit.training import autotune
from inceptionkit.training.autotune import candidates, check_precision
from inceptionkit.training.budget import (
    Epochs,
    Speed,
    Time,
    Work,
    affordable,
    first_plan,
    parse_budget,
)
from inceptionkit.training.ema import moving, update_ema
from inceptionkit.training.execution import Execution, Trial, fastest
from inceptionkit.training.loop import deep_supervision_loss
from inceptionkit.training.recipe import MODERN, override
from inceptionkit.training.state import make_optimizer


def test_the_loss_adds_the_weighted_losses_of_the_exits() -> None:
    """Uniform answers cost ln 4 each: (1 + 0.3 + 0.5) ln 4."""
    same = torch.zeros(2, 4)
    logits = Logits(same, {"a": same, "b": same})
    found = deep_supervision_loss(
        logits, torch.tensor([0, 3]), weights={"a": 0.3, "b": 0.5}, smoothing=0.1
    )

    assert float(found) == pytest.approx(1.8 * 1.386294, abs=1e-5)


def test_an_exit_without_a_weight_is_loud() -> None:
    logits = Logits(torch.zeros(1, 4), {"a": torch.zeros(1, 4)})
    with pytest.raises(KeyError):
        deep_supervision_loss(logits, torch.tensor([0]), weights={}, smoothing=0.0)


def test_weight_decay_is_on_weights_alone(tiny: Net) -> None:
    model = build(tiny)
    made = make_optimizer(model, MODERN)
    decay = {id(p): g["weight_decay"] for g in made.param_groups for p in g["params"]}
    found = {name: decay.pop(id(p)) for name, p in model.named_parameters()}

    assert decay == {}
    for name, value in found.items():
        expected = name.endswith(("conv.weight", "fc.weight"))
        assert value == (MODERN.optimizer.weight_decay if expected else 0.0), name
    assert all(g["nesterov"] and g["momentum"] == 0.9 for g in made.param_groups)
    assert not make_optimizer(model, override(MODERN, ["momentum=0"])).param_groups[0]["nesterov"]


@pytest.mark.parametrize(
    ("step", "horizon", "decay"),
    [(0, 1_000, 0.1), (1, 1_000, 2 / 11), (90, 1_000, 0.91), (10**6, 1_000, 0.999), (10**6, 0, 0)],
)
def test_the_moving_average(step: int, horizon: float, decay: float) -> None:
    """(1 + step) / (10 + step) until it reaches 1 - 1 / horizon."""
    average, model = nn.BatchNorm2d(2), nn.BatchNorm2d(2)
    for module, value in ((average, 0.0), (model, 1.0)):
        for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
            nn.init.constant_(tensor, value)
    update_ema(average, model, moving(step, decay=1 - 1 / max(1.0, horizon)))

    for tensor in (average.weight, average.bias, average.running_mean, average.running_var):
        assert tensor.tolist() == pytest.approx([1 - decay] * 2, abs=1e-6)
    assert model.weight.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("10min", Time(600)), ("90s", Time(90)), ("1.5h", Time(5400)), ("2 m", Time(120)),
        (".5h", Time(1800)), (" 10MIN ", Time(600)), ("45sec", Time(45)),
        ("30epochs", Epochs(30)), ("1epoch", Epochs(1)),
        ("2e15flop", Work(2e15)), ("1.5E+9 flop", Work(1.5e9)), ("900flop", Work(900.0)),
    ],
)  # fmt: skip
def test_a_budget(text: str, budget: object) -> None:
    assert parse_budget(text) == budget


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10",
        "min",
        "-3min",
        "0s",
        "0epochs",
        "1.5epochs",
        "10 bananas",
        "1h30min",
        "1e3s",
        "0flop",
        "2e15",
        "1e999flop",
    ],
)
def test_what_is_no_budget(text: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_budget(text)

    assert str(caught.value) == (
        f"a budget is written like 10min, 90s, 1.5h, 2e15flop or 30epochs, got {text!r}"
    )


@pytest.mark.parametrize("digits", [101, 308, 400])
@pytest.mark.parametrize("unit", ["s", "h", "flop", "epochs"])
def test_a_budget_beyond_reckoning(digits: int, unit: str) -> None:
    """From 309 digits on a float is infinite, and products of smaller ones may be."""
    text = "9" * digits + unit
    with pytest.raises(RecipeError) as caught:
        parse_budget(text)

    assert str(caught.value) == (
        f"a budget must be smaller than 1e+100, got one of {len(text)} characters; "
        "write it like 10min, 90s, 1.5h, 2e15flop or 30epochs"
    )


def test_what_a_minute_affords() -> None:
    """49 s of training are four epochs of 11 s, then 4 updates and 1 s.

    In an epoch begun, 4 s for its rest are followed by four others.
    """
    speed = Speed(step=1.0, evaluation=1.0, scored=7.0)

    assert affordable(speed, 49.0, done=0, steps_per_epoch=10) == 4 * 10 + 4
    assert affordable(speed, 49.0, done=30, steps_per_epoch=10) == 30 + 44
    assert affordable(speed, 49.0, done=37, steps_per_epoch=10) == 37 + 3 + 40
    assert affordable(speed, -6.0, done=30, steps_per_epoch=10) == 30


def test_a_budget_below_an_epoch() -> None:
    """Epoch 110 s, and 10 s for the end, are needed, 30 s are gone: 150 s are 99 % of 151.5 s."""
    speed = Speed(step=1.0, evaluation=10.0, scored=7.0)
    with pytest.raises(RecipeError) as caught:
        first_plan(Time(90.0), speed, 60.0, batch=8, steps_per_epoch=100)

    assert str(caught.value) == (
        "the budget of 90s is too small for one epoch: it takes 110.0 s, starting took 30 s, "
        "scoring and saving take 10 s; the smallest that is not is 152s"
    )
    assert first_plan(Time(152.0), speed, 122.0, batch=8, steps_per_epoch=100).steps == 100


def trial(precision: str, seconds: float) -> Trial:
    return Trial(Execution(precision=precision), seconds)


@pytest.mark.parametrize(
    ("seconds", "winner"),
    [((1.0, 0.95), "fp32"), ((1.0, 0.9), "bf16"), ((1.0, 2.0), "fp32"), ((1.0, 1.0), "fp32")],
)
def test_bf16_must_be_worth_its_rounding(seconds: tuple[float, float], winner: str) -> None:
    fp32, bf16 = seconds

    assert fastest([trial("fp32", fp32), trial("bf16", bf16)]).execution.precision == winner


def test_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autotune, "cpu_flags", frozenset)  # a system that does not say
    every = candidates("cpu", 1)

    assert {(e.precision, e.channels_last) for e in every} == {
        ("fp32", False), ("fp32", True), ("bf16", True),
    }  # fmt: skip
    assert {e.precision for e in candidates("cpu", 1, "fp32")} == {"fp32"}
    assert {e.precision for e in candidates("cpu", 1, "bf16")} == {"bf16"}
    assert {e.threads for e in candidates("cpu", 2)} == {1, 2}
    assert {e.threads for e in candidates("cuda", 2)} == {2}


def test_devices_and_precisions_that_are_not_there() -> None:
    with pytest.raises(RecipeError) as caught:
        check_precision("f32", "cpu")
    assert str(caught.value) == "no precision is called 'f32'; did you mean 'fp32'?"
    with pytest.raises(RecipeError) as caught:
        check_device("cpuu")
    assert str(caught.value) == "there is no device 'cpuu'; did you mean 'cpu'?"
    check_device("cpu")
    check_precision("auto", "cpu")
