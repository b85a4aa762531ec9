"""Label smoothing as in arXiv:1512.00567 section 7, on numbers worked by hand."""

import json
import math
from pathlib import Path

import pytest
import torch

from inceptionkit.network import Logits
from inceptionkit.training.loop import deep_supervision_loss

GOLDEN = json.loads(Path(__file__).with_name("numbers.json").read_text())["label_smoothing"]
SIX_DIGITS = 1e-6  # the goldens are given to six digits after the point


def loss(scores: list[float], smoothing: float) -> float:
    logits = Logits(torch.tensor([scores], dtype=torch.float64), {})
    label = torch.tensor([GOLDEN["label"]])
    return float(deep_supervision_loss(logits, label, weights={}, smoothing=smoothing))


@pytest.mark.parametrize(("smoothing", "key"), [(0.1, "smoothed"), (0.0, "plain")])
def test_loss_of_five_classes(smoothing: float, key: str) -> None:
    assert loss(GOLDEN["logits"], smoothing) == pytest.approx(GOLDEN[key], abs=SIX_DIGITS)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_a_uniform_answer_costs_the_same_whatever_the_smoothing(smoothing: float) -> None:
    found = loss([0.0] * 1000, smoothing)

    assert found == pytest.approx(GOLDEN["uniform_of_1000"], abs=SIX_DIGITS)


def test_least_loss_is_reached_by_the_smoothed_target_itself() -> None:
    target = [math.log(0.9001)] + [math.log(0.0001)] * 999

    assert loss(target, 0.1) == pytest.approx(GOLDEN["least_of_1000"], abs=SIX_DIGITS)


def test_gradient_is_probability_less_target() -> None:
    scores = torch.tensor([GOLDEN["logits"]], dtype=torch.float64, requires_grad=True)
    smoothed = deep_supervision_loss(
        Logits(scores, {}), torch.tensor([0]), weights={}, smoothing=0.1
    )
    smoothed.backward()
    target = torch.tensor([[0.92, 0.02, 0.02, 0.02, 0.02]], dtype=torch.float64)

    torch.testing.assert_close(scores.grad, scores.detach().softmax(1) - target)
