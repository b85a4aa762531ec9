"""How long the answer to one image takes on this machine."""

from __future__ import annotations

from dataclasses import replace
from statistics import median, quantiles
from time import perf_counter

import torch
from torch import Tensor

from inceptionkit.derive.design.budget import Timing
from inceptionkit.network import InceptionNet, build
from inceptionkit.spec import Net

WARM_UP = 3  # runs that are not counted, at least
WARM_UP_SECONDS = 0.2
RUNS = 12, 200  # that are counted, at least and at most
SECONDS = 1.0  # that the counted runs may take


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
    warm(model, image)
    times: list[float] = []
    began = perf_counter()
    while len(times) < RUNS[0] or (len(times) < RUNS[1] and perf_counter() - began < SECONDS):
        times.append(1e3 * seconds(model, image))
    low, _, high = quantiles(times, n=4, method="inclusive")
    threads = torch.get_num_threads()
    where = device if device != "cpu" else "1 thread" if threads == 1 else f"{threads} threads"
    return Timing(
        median_ms=median(times),
        quartiles_ms=(low, high),
        runs=len(times),
        how=f"fp32, channels last, {where}",
    )


def warm(model: InceptionNet, image: Tensor) -> None:
    """Run until kernels are chosen and the processor is awake."""
    began, runs = perf_counter(), 0
    while runs < WARM_UP or perf_counter() - began < WARM_UP_SECONDS:
        seconds(model, image)
        runs += 1


def seconds(model: InceptionNet, image: Tensor) -> float:
    """Time of one answer, which is there when the clock stops."""
    began = perf_counter()
    model(image).main.sum().item()  # waits for a GPU
    return perf_counter() - began
