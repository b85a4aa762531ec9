"""The learning-rate range test: a sweep over rates that leaves everything as it found it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from inceptionkit.errors import TrainingError
from inceptionkit.training.loop import prefetch, train_step, whiten_first_layer
from inceptionkit.training.recipe import Whitened
from inceptionkit.training.state import TrainConfig, TrainState, moments, set_moments

LOWEST, HIGHEST = 1e-5, 10.0  # rates of the sweep
SWEEP = 100  # steps in it
FIRST = 10  # steps whose smoothed loss is that of a few batches, and no lowest one
SMOOTH = 0.9  # of the loss, from step to step
_WORSE = 1.5  # times the lowest loss at which the sweep ends
_DIVISOR = 5.0  # the rate taken is that of the lowest loss divided by this


@dataclass(frozen=True, slots=True)
class Sweep:
    """Losses of growing rates, and the rate to take."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]  # smoothed, nats
    rate: float


def find_lr(config: TrainConfig, state: TrainState) -> Sweep:
    """Train with a rate that grows from step to step, until the loss does.

    A first layer that whitens does so from then on, as when training begins. The other weights, the
    optimizer, the number of steps and torch's generators are put back; the order
    of the images is a function of the epoch, and has no state.

    Returns:
        The sweep. Its rate is a fifth of the largest at which the loss was lowest, as far as the
        noise of batches lets one tell.

    Raises:
        TrainingError: the loss never fell.

    Sources:
        Smith 2017, arXiv:1506.01186, section 3.3. The smoothing, the allowance for noise and the
        divisor are ours.
    """
    epoch = config.train.order(config.seed, 0)[: config.steps_per_epoch * config.batch]
    order, cropping = np.resize(epoch, SWEEP * config.batch), config.cropping(0)  # again and again
    if isinstance(config.recipe.init.first_layer, Whitened):
        whiten_first_layer(config, state)
    prefetch(config, order, cropping)
    rates: list[float] = []
    seen: list[float] = []
    losses: list[float] = []
    smooth, weight = 0.0, 0.0
    with _untouched(state):
        for number in range(SWEEP):
            indices = order[number * config.batch : (number + 1) * config.batch]
            rate = LOWEST * (HIGHEST / LOWEST) ** (number / (SWEEP - 1))
            pending = train_step(config, state, indices, cropping, lr=rate)
            state.step += 1
            loss = float(config.processes.all_reduce(pending.loss))
            if not math.isfinite(loss):
                break
            smooth, weight = SMOOTH * smooth + (1 - SMOOTH) * loss, SMOOTH * weight + (1 - SMOOTH)
            rates.append(rate)
            seen.append(loss)
            losses.append(smooth / weight)
            if losses[-1] > _WORSE * min(losses[FIRST:], default=math.inf):
                break
    best = lowest(np.array(seen), np.array(losses))
    if best is None:
        msg = "no learning rate made the loss fall; give one yourself, such as lr=0.05"
        raise TrainingError(msg)
    return Sweep(tuple(rates), tuple(losses), rates[best] / _DIVISOR)


def lowest(seen: NDArray[np.float64], losses: NDArray[np.float64]) -> int | None:
    """The last step of a sweep whose loss is the lowest, or cannot be distinguished from it.

    A batch of few images has a loss that is low by chance, long before the rate does anything.

    Args:
        seen: loss of each batch.
        losses: the same, smoothed.

    Returns:
        None if it is among the first ones.
    """
    if len(losses) <= FIRST:
        return None
    spread = 1.48 * np.median(np.abs(np.diff(seen))) / math.sqrt(2)  # of most, whatever the slope
    noise = spread * math.sqrt((1 - SMOOTH) / (1 + SMOOTH))  # of the smoothed loss
    best = int(np.flatnonzero(losses <= losses[FIRST:].min() + noise)[-1])
    return best if best > FIRST else None


@contextmanager
def _untouched(state: TrainState) -> Iterator[None]:
    """Put back what steps change: weights, statistics, optimizer, scaler, count, generators."""
    tensors = {name: value.clone() for name, value in state.model.state_dict().items()}
    remembered = {k: v.clone() for k, v in moments(state.optimizer, state.model).items()}
    groups = [dict(group) for group in state.optimizer.param_groups]
    gradients = [p.grad for p in state.model.parameters()]
    step, scaler = state.step, state.scaler.state_dict()
    devices = {p.device for p in state.model.parameters() if p.device.type != "cpu"}
    with torch.random.fork_rng([device.index or 0 for device in devices]):
        try:
            yield
        finally:
            state.model.load_state_dict(tensors)
            set_moments(state.optimizer, state.model, remembered)
            for group, before in zip(state.optimizer.param_groups, groups, strict=True):
                group.update(before)
            for parameter, gradient in zip(state.model.parameters(), gradients, strict=True):
                parameter.grad = gradient
            state.step = step
            state.scaler.load_state_dict(scaler)
