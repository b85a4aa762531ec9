"""How long the answer to one image takes on this machine."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from statistics import median, quantiles

import torch
from torch import Tensor

from inceptionkit.derive import cost
from inceptionkit.derive.design.budget import Timing, amount
from inceptionkit.network import InceptionNet, build
from inceptionkit.network.build import check_device, named_device
from inceptionkit.progress import Listener
from inceptionkit.spec import Net
from inceptionkit.timing import TimingBudget, time_interleaved

BUDGET = TimingBudget(least=12, most=200, seconds=1.0, warm_up=3, warm_up_seconds=0.2)


@torch.inference_mode()
def latency(net: Net, *, device: str = "cpu") -> Timing:
    """Time the answer of `net`, with random weights, to one prepared image.

    It is computed as `predict` computes it: fp32, channels last, exits left out, with the threads
    that torch uses in this process.
    """
    model = build(replace(net, exits=())).eval()
    model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    image = torch.randn(1, *net.image, generator=torch.Generator().manual_seed(0))
    image = image.to(device, memory_format=torch.channels_last)
    seconds = time_interleaved({"answer": partial(_answer, model, image)}, BUDGET)["answer"]
    times = [1e3 * each for each in seconds]
    low, _, high = quantiles(times, n=4, method="inclusive")
    threads = torch.get_num_threads()
    where = device if device != "cpu" else "1 thread" if threads == 1 else f"{threads} threads"
    return Timing(
        median_ms=median(times),
        quartiles_ms=(low, high),
        runs=len(times),
        how=f"fp32, channels last, {where}",
    )


class Clock:
    """Measures how long the answer to one image takes, and reports it."""

    def __init__(self, device: str | None, listener: Listener) -> None:
        self.device = named_device(device)
        self.listener = listener
        check_device(self.device)

    def __call__(self, net: Net) -> Timing:
        """Time a network."""
        timing = latency(net, device=self.device)
        work, took = amount("macs", cost(net).without_exits.macs), amount("ms", timing.median_ms)
        low, high = timing.quartiles_ms
        self.listener.say(f"measured {work}: {took} ({amount('ms', low)} to {amount('ms', high)})")
        return timing


def _answer(model: InceptionNet, image: Tensor) -> None:
    model(image).main.sum().item()  # waits for a GPU
