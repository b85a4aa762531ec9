"""Timing training steps on the real network: which precision, layout and threads are fastest."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from math import inf, prod
from statistics import median
from time import monotonic
from typing import get_args

import numpy as np
import torch

from inceptionkit.data.transforms.augmentation import Cropping
from inceptionkit.errors import RecipeError, RunError, did_you_mean
from inceptionkit.evaluation.inference import predict_all_exits
from inceptionkit.machine import BF16, cpu_flags
from inceptionkit.machine import free_bytes as free_memory
from inceptionkit.records import from_json, to_json
from inceptionkit.spec import Conv, Dropout, Net, steps, tensors, with_input
from inceptionkit.spec.walk import STATISTICS
from inceptionkit.text import size
from inceptionkit.timing import Call, TimingBudget, time_interleaved
from inceptionkit.training.ema import update_ema
from inceptionkit.training.execution import Execution, Precision, Trial
from inceptionkit.training.loop import train_step
from inceptionkit.training.recipe import FrozenNorms
from inceptionkit.training.state import TrainConfig, TrainState, new_state

PROBE_SECONDS, PROBE_SHARE, PROBE_STEPS = 10.0, 0.03, 0.1
"""Most that a probe takes: seconds, share of a time budget, share of the steps of other runs."""
_ONCE = TimingBudget(least=1, most=1, warm_up=0)
_SIDE, _GPU_OPERATIONS = 1024, 2e15  # rows of a matrix; more than any GPU does in a second
_CALMER = 1.5  # times as fast as measured: the machine may become calmer
_ROUNDS, _ENOUGH = 8, 3.0  # rounds in which all candidates are timed, at most; seconds

COPIES = 6  # of the weights: themselves, gradient, average, best average, two of the optimizer
_KEPT = 2.7  # bytes kept for the backward pass, in bytes of all operators' outputs: at most 2.61
USABLE = 0.9  # share of the free memory that an update may take


def check_precision(name: str, device: str) -> None:
    """Refuse a precision that does not exist, or not on this device."""
    known = (*get_args(Precision), "auto")
    if name not in known:
        msg = f"no precision is called {name!r}; {did_you_mean(name, known)}"
        raise RecipeError(msg)
    if name == "fp16" and torch.device(device).type == "cpu":
        msg = "fp16 is for GPUs, and this run is on the CPU; use bf16 or fp32"
        raise RecipeError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeLimits:
    """How long a probe may take; one step of one candidate it always takes.

    Attributes:
        seconds: at most; never more than `PROBE_SECONDS`.
        steps: of the run, where a share of them is a limit, too.
        tick: called before each step, with the number of steps and of candidates.
    """

    seconds: float = inf
    steps: int | None = None
    tick: Callable[[int, int], object] = lambda done, total: None  # noqa: ARG005


def candidates(device: str, threads: int, precision: str = "auto") -> list[Execution]:
    """Executions worth a probe, the one first that is fastest on most such machines.

    bf16 is slow without channels_last, and where it is emulated one step may take a minute. One
    thread fewer is far faster where something else keeps a core busy, since all threads wait for
    the slowest.
    """
    gpu, flags = device.startswith("cuda"), cpu_flags()  # none where the system does not say
    kinds: dict[tuple[Precision, bool], bool] = {  # precision, channels_last -> tried by "auto"
        ("fp32", False): True,
        ("fp32", True): True,
        ("bf16", True): gpu or not flags or bool(flags & BF16),
        ("fp16", True): False,  # its range is too narrow
        ("fp64", True): False,  # it is slow
    }
    found = [
        Execution(precision=kind, channels_last=last, device=device, threads=threads)
        for (kind, last), automatic in kinds.items()
        if precision == kind or (precision == "auto" and automatic)
    ]
    if threads > 1 and not gpu:
        found.append(replace(found[-1], threads=threads - 1))
    fast = "bf16" if gpu or flags & BF16 else "fp32"
    first = next((one for one in found if one.precision == fast and one.channels_last), found[0])
    return [first, *(one for one in found if one != first)]


def autotune(
    config: TrainConfig, precision: str, limits: ProbeLimits = ProbeLimits()
) -> tuple[int, tuple[Trial, ...]]:
    """Time the executions worth it, with each batch in as many parts as memory needs.

    The parts are predicted first. On a GPU they are then doubled as long as memory is short.

    Args:
        config: what is computed, on which device, and by how many threads at most.
        precision: of the executions; "auto" for several.
        limits: how long it may take.

    Returns:
        The parts of a batch, and the trials; the same in every process.

    Raises:
        RecipeError: the smallest part of a batch does not fit into the memory, or one that the
            recipe asks for is too small for a batch norm.
    """
    group, device = config.processes, config.execution.device
    images, tried = config.batch // group.count, 0
    executions = candidates(device, config.execution.threads, precision)
    config = replace(config, execution=executions[0])
    free = free_bytes(device)
    free = group.broadcast_json(free) if group.count > 1 else free
    parts = parts_that_fit(
        with_input(config.net, config.crop_side),
        -(-config.batch // group.count),
        itemsize=config.dtype.itemsize,
        at_least=config.recipe.batching.grad_accum,
        free_bytes=2 * free if config.reads_late else free,  # it is tried, perhaps in bf16
    )
    while True:
        if images < 2 * parts:
            parts = min(parts, most_parts(config, images))
        if parts == tried:
            msg = f"{-(-images // parts)} images at a time do not fit into the memory of {device}; "
            raise RecipeError(msg + "choose a smaller --input, or another --arch")
        tried = parts
        batching = replace(config.recipe.batching, grad_accum=parts)
        config = replace(config, recipe=replace(config.recipe, batching=batching))
        try:
            trials = time_steps(config, executions, limits)
        except torch.OutOfMemoryError:
            trials = []
        if group.count > 1:  # one may have less memory than the others
            if any(group.any(not trials)):
                trials = []
            else:
                found = group.broadcast_json(list(map(to_json, trials)))
                trials = [from_json(Trial, one, at="", error=RunError) for one in found]
        if trials:
            return parts, tuple(trials)
        parts *= 2


def most_parts(config: TrainConfig, images: int) -> int:
    """In how many parts so many images can be computed, where some would hold one image.

    On a grid of one cell, one image alone has no spread that a batch norm could divide by.

    Raises:
        RecipeError: the recipe asks for more.
    """
    asked = config.recipe.batching.grad_accum
    for step in steps(with_input(config.net, config.at(0.0).crop_side)):
        norm = isinstance(step.op, Conv) and step.op.norm is not None
        if norm and step.output.size == (1, 1) and config.recipe.norms != FrozenNorms():
            if asked <= images // 2:
                return images // 2
            needed = 2 * asked * config.processes.count
            msg = (
                f"grad_accum={asked}: one image alone is too few for the batch norm at {step.at}, "
            )
            raise RecipeError(msg + f"whose grid is one cell; use a batch of {needed} or more")
    return max(images, asked)


def most_operations(device: str) -> float:
    """Floating-point operations a second of a large matrix product: training does fewer."""
    seconds = []
    for kind in (torch.float32, torch.bfloat16):
        one = torch.ones(_SIDE, _SIDE, dtype=kind, device=device)
        calls = {kind: partial(torch.mm, one, one)}
        seconds += time_interleaved(calls, TimingBudget(least=1, most=4, seconds=0.1))[kind]
    on_gpu = torch.device(device).type != "cpu"  # whose products are still computed then
    return _GPU_OPERATIONS if on_gpu else _CALMER * 2 * _SIDE**3 / min(seconds)


def check_memory(net: Net, device: str) -> None:
    """Refuse a network that does not fit into memory with one image, before an image is read.

    Args:
        net: at the size of the training crops.
        device: that computes.

    Raises:
        RecipeError: so it is.
    """
    needed, free = update_bytes(net, 1, itemsize=4) / 2, free_bytes(device)  # images in bf16
    if needed > free:
        msg = (
            f"{net.name} at {net.image[1]} px takes {size(needed)} to train on one image, and "
            f"{size(free)} of memory are free; choose a smaller --input, or another --arch"
        )
        raise RecipeError(msg)


def update_bytes(net: Net, images: int, *, itemsize: int) -> int:
    """Memory that an update of some images takes; in bf16 images take half of it.

    Norms and ReLUs keep more than the outputs of the operators: measured were 1.2 (NIN) to 2.6
    times those (GoogLeNet with batch norm).

    Args:
        net: at the size of the training crops.
        images: computed at a time.
        itemsize: bytes of a weight.
    """
    shapes = (shape for name, shape in tensors(net) if not name.endswith(STATISTICS))
    params = sum(map(prod, shapes))
    cells = sum(step.output.cells for step in steps(net) if not isinstance(step.op, Dropout))
    return round(COPIES * itemsize * params + _KEPT * (itemsize * cells) * images)


def parts_that_fit(
    net: Net, images: int, *, itemsize: int, at_least: int, free_bytes: float
) -> int:
    """In how many parts to compute `images`, so that each fits; as many as images if none does.

    Args:
        net: at the size of the training crops.
        images: of an update, in this process.
        itemsize: bytes of a weight.
        at_least: parts.
        free_bytes: of the device.
    """
    parts = at_least
    while parts < images:
        if update_bytes(net, -(-images // parts), itemsize=itemsize) <= USABLE * free_bytes:
            break
        parts *= 2
    return min(parts, images)


def free_bytes(device: str) -> float:
    """Memory of a device that this process may take; infinite where the system does not say.

    The processes that torchrun started on a machine share its memory.
    """
    if torch.device(device).type == "cuda":
        return float(torch.cuda.mem_get_info(torch.device(device))[0])
    return free_memory() / int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def time_steps(
    config: TrainConfig, executions: Sequence[Execution], limits: ProbeLimits = ProbeLimits()
) -> list[Trial]:
    """Time training steps of each execution, interleaved, on temporary weights.

    Each step is timed with its share of an update of the average. The first step of an execution
    builds kernels and takes new memory, which makes the very first seem slow: it counts only where
    the limit leaves no room for another, which the fastest get first. Executions that the limit
    leaves no room for at all are left out, the last first.

    Args:
        config: what is computed.
        executions: candidates, the most promising first.
        limits: how long it may take.
    """
    start, limit = monotonic(), min(PROBE_SECONDS, limits.seconds)
    calls: dict[tuple[str, int], Call] = {}
    seconds: dict[tuple[str, int], list[float]] = {}
    for number, execution in enumerate(executions):
        began = monotonic()
        if number and began - start + seconds["step", 0][0] > limit:
            break
        limits.tick(number, len(executions))
        each = replace(config, execution=execution)
        cropping, state = each.cropping(0), new_state(each)
        calls["step", number] = partial(_step, each, state, cropping)
        calls["average", number] = partial(update_ema, state.average, state.model, 0.9)
        for key in (("step", number), ("average", number)):
            seconds[key] = time_interleaved({key: calls[key]}, _ONCE)[key]
        if not number and limits.steps is not None:
            limit = min(limit, PROBE_STEPS * limits.steps * seconds["step", 0][0])
    left = limit - (monotonic() - start)
    tried = {number for _, number in calls}  # the first of all paid for new memory
    fastest_first = sorted(tried, key=lambda n: (n > 0, seconds["step", n][0]))
    ends = accumulate(seconds["step", number][0] for number in fastest_first)
    again = {number for number, end in zip(fastest_first, ends, strict=True) if end < left}
    if again:
        limits.tick(len(executions), len(executions))
        rounds = TimingBudget(least=1, most=_ROUNDS, seconds=min(_ENOUGH, left), warm_up=0)
        seconds |= time_interleaved({key: calls[key] for key in calls if key[1] in again}, rounds)
    average = config.recipe.average
    share = 0.0 if average is None else 1.0 / average.ema_every
    return [
        Trial(
            execution,
            median(seconds["step", number]) + share * median(seconds["average", number]),
        )
        for number, execution in enumerate(executions)
        if ("step", number) in seconds
    ]


def _step(config: TrainConfig, state: TrainState, cropping: Cropping) -> None:
    torch.set_num_threads(config.execution.threads)
    indices = np.arange(config.batch, dtype=np.int64)
    float(train_step(config, state, indices, cropping, lr=0.0).loss)


def time_evaluation(config: TrainConfig, state: TrainState) -> float:
    """Seconds to score one image, from a small batch."""
    count = min(64, len(config.train))
    pixels = torch.zeros((count, *config.net.image), dtype=torch.uint8)
    score = partial(predict_all_exits, state.average, pixels, config.preprocessing, batch=64)
    once = TimingBudget(least=1, most=1)
    return time_interleaved({"score": score}, once)["score"][0] / count
