"""The clock of designs: what it measures, not how long that takes."""

from dataclasses import replace

import pytest
import torch

from inceptionkit.catalog import architecture
from inceptionkit.evaluation import latency as clock
from inceptionkit.evaluation.latency import latency


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "BUDGET", replace(clock.BUDGET, seconds=0.0, warm_up_seconds=0.0))


def test_a_timing_says_how_often_and_how_it_was_measured() -> None:
    found = latency(architecture("compact"))
    low, high = found.quartiles_ms
    threads = torch.get_num_threads()

    assert 0 < low <= found.median_ms <= high
    assert found.runs == clock.BUDGET.least
    assert found.how == f"fp32, channels last, {threads} thread{'s' * (threads > 1)}"


def test_the_network_runs_as_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def watched(model: clock.InceptionNet, image: torch.Tensor) -> None:
        seen.append((model, image, torch.is_inference_mode_enabled()))

    monkeypatch.setattr(clock, "_answer", watched)
    latency(architecture("compact", classes=7, input=48))
    model, image, inference = seen[-1]
    with torch.inference_mode():
        scores = model(image).main

    assert len(seen) == clock.BUDGET.warm_up + clock.BUDGET.least
    assert inference
    assert not model.training
    assert len(model.exits) == 0
    assert image.shape == (1, 3, 48, 48)
    assert scores.shape == (1, 7)
    for tensor in (image, model.trunk["conv2"].conv.weight):
        assert tensor.is_contiguous(memory_format=torch.channels_last)
        assert tensor.dtype == torch.float32


def test_measuring_leaves_torchs_global_generator_alone() -> None:
    before = torch.get_rng_state()
    latency(architecture("compact"))

    assert torch.equal(torch.get_rng_state(), before)
