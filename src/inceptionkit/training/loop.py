"""The training loop: it computes and yields; its caller writes files and reports progress.

The caller handles each event before the loop goes on. Where the event says that `state` is whole,
the caller may save it. It may add a plan, which it records before it lets the loop follow it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import pairwise
from time import perf_counter
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from inceptionkit.data.rng import CounterRng, sample_keys, step_seed
from inceptionkit.data.transforms.augmentation import Cropping, Mixing
from inceptionkit.data.transforms.pipeline import augment, draw_mixture, mix
from inceptionkit.network import Logits
from inceptionkit.network.layers import SampleDropout
from inceptionkit.training.ema import ema_weight, update_ema
from inceptionkit.training.freezing import NORMS
from inceptionkit.training.health import PendingStep, check_step
from inceptionkit.training.recipe import Recipe, TrainedNorms, Whitened
from inceptionkit.training.schedule import active_plan, learning_rate, progress
from inceptionkit.training.state import TrainConfig, TrainState, epochs_since_best
from inceptionkit.training.updates import Lookahead
from inceptionkit.training.validation import validate
from inceptionkit.training.whitening import (
    images_for_whitening,
    whitened_convolution,
    whitening_kernels,
)

_LOGGED_PER_EPOCH = 20
_NORM_MOMENTUM = 0.1  # of running statistics: torch's, 1 - 0.9


@dataclass(frozen=True, slots=True)
class StepEnded:
    """A step is done."""

    step: int
    loss: float  # nats per image, exits' losses included
    lr: float
    norm: float  # of the gradient, before it was clipped
    logged: bool  # whether it belongs in log.jsonl
    whole: bool  # whether `state` is; at the end of an epoch only `EpochEnded` finds it so


@dataclass(frozen=True, slots=True)
class EpochEnded:
    """An epoch, or the run, ended and the validation images were scored."""

    row: Mapping[str, Any]


Event = StepEnded | EpochEnded


def train(config: TrainConfig, state: TrainState) -> Iterator[Event]:
    """Go on from `state` until the last of its plans is fulfilled, or patience is at its end.

    Plans may be added while an event is handled: the loop looks at them before every step.

    Raises:
        TrainingError: the loss, the gradient or a weight is not finite, the gradient explodes, or
            no image passes the network.
    """
    patience = config.recipe.patience
    if state.step == 0 and isinstance(config.recipe.init.first_layer, Whitened):
        whiten_first_layer(config, state)
    while state.step < state.plans[-1].steps:
        if patience is not None and epochs_since_best(state.rows) >= patience:
            return
        start, first = perf_counter(), state.step
        yield from _epoch(config, state)
        rate = (state.step - first) * config.batch / (perf_counter() - start)
        lr = _lr(config, state, state.step)
        images = _norm_batches(config, state)
        row = validate(config, state, images, lr=lr, images_per_second=rate)
        state.rows.append(row)
        if patience is not None and epochs_since_best(state.rows) == 0:
            state.best = copy.deepcopy(state.average)
        state.loss_sum, state.hold = 0.0, False
        yield EpochEnded(row)


def _epoch(config: TrainConfig, state: TrainState) -> Iterator[StepEnded]:
    """The steps of the epoch in which `state` stands.

    On a GPU a step is read while the next one is computed: it need not wait for us.
    """
    per_epoch, reads_late = config.steps_per_epoch, config.reads_late
    epoch = state.step // per_epoch
    first = epoch * per_epoch
    share = progress(state.plans, first)
    config = config.at(share)
    if isinstance(layer := config.recipe.init.first_layer, Whitened):
        _let_bias_learn(config, state, learns=share < layer.bias_share)
    cropping = config.cropping(epoch)
    order = config.train.order(config.seed, epoch)[: per_epoch * config.batch]
    prefetch(config, order[(state.step - first) * config.batch :], cropping)
    pending: list[PendingStep] = []
    while state.step < min(first + per_epoch, state.plans[-1].steps):
        planned = active_plan(state.plans, state.step)
        if planned.execution not in {None, config.execution}:
            config = replace(config, execution=planned.execution)
            torch.set_num_threads(config.execution.threads)
        start = (state.step - first) * config.batch
        indices = order[start : start + config.batch]
        pending.append(
            train_step(config, state, indices, cropping, lr=_lr(config, state, state.step + 0.5))
        )
        state.step += 1
        last = state.step in {first + per_epoch, state.plans[-1].steps}
        if due := steps_due(config.recipe, first=first, done=state.step, last=last):
            weight = ema_weight(config.recipe, due, steps=planned.steps)
            update_ema(state.average, state.model, weight)
            if isinstance(config.recipe.average, Lookahead):
                update_ema(state.model, state.average, 1.0)
        while len(pending) > (reads_late and not last and not state.hold):
            done = check_step(pending.pop(0), config, state)
            state.loss_sum += done.loss
            logged = done.step % max(1, per_epoch // _LOGGED_PER_EPOCH) == 0
            whole = not pending and not last
            yield StepEnded(done.step, done.loss, done.lr, done.norm, logged, whole)


def _let_bias_learn(config: TrainConfig, state: TrainState, *, learns: bool) -> None:
    """Let the bias of the first convolution learn, or keep it, which saves its backward pass."""
    bias = whitened_convolution(state.model).bias
    learns = learns and config.recipe.freezing.frozen is None
    if bias is not None and bias.requires_grad != learns:
        bias.requires_grad_(learns)
        if config.processes.count > 1:  # which wait for the gradients that they were made for
            state.network = config.processes.wrap(state.model, config.execution.device)


@torch.no_grad()
def whiten_first_layer(config: TrainConfig, state: TrainState) -> None:
    """Give a state, before its first step, a first convolution that whitens training images."""
    batches = -(-images_for_whitening(config.net) // config.batch)
    kernels = whitening_kernels(
        whitened_convolution(state.model), _first_batches(config, 0, batches)
    )
    config.processes.broadcast_tensors([kernels])
    for model in (state.model, state.average):
        whitened_convolution(model).weight.copy_(kernels)


def steps_due(recipe: Recipe, *, first: int, done: int, last: bool) -> range:
    """The steps that the average is to take in now, counted from 0; none if it is to wait.

    It moves after every `ema_every` steps of the run, and at the end of each epoch.

    Args:
        recipe: says how often.
        first: step of the epoch.
        done: steps, of the run.
        last: whether the epoch, or the run, ends here.
    """
    if recipe.average is None:
        return range(done - 1, done) if last else range(0)
    every = recipe.average.ema_every
    begun = max(first, (done - 1) // every * every)
    return range(begun, done) if last or done % every == 0 else range(0)


def _lr(config: TrainConfig, state: TrainState, step: float) -> float:
    """Learning rate after `step` steps, for this batch."""
    rate = learning_rate(config.recipe, progress(state.plans, step))
    return rate * config.batch / config.recipe.optimizer.lr_batch


def train_step(
    config: TrainConfig,
    state: TrainState,
    indices: NDArray[np.int64],
    cropping: Cropping,
    *,
    lr: float,
) -> PendingStep:
    """Update the weights once; loss and norm are not read yet."""
    recipe, scaler, seed, network = config.recipe, state.scaler, config.seed, state.network
    torch.manual_seed(step_seed(seed, state.step))
    state.optimizer.zero_grad(set_to_none=True)
    losses, parts = [], _micro_batches(config, indices)
    for part in parts:
        # between processes gradients are summed once, in the last part
        summed = part is parts[-1] or not isinstance(network, DistributedDataParallel)
        with nullcontext() if summed else cast(DistributedDataParallel, network).no_sync():
            loss = _part_loss(config, state, indices, part, cropping)
            torch.autograd.backward(scaler.scale(loss * config.processes.count))
        losses.append(loss.detach())
    scaler.unscale_(state.optimizer)
    norm = gradient_norm(state.model)
    if (largest := recipe.optimizer.clip_grad_norm) is not None:
        nn.utils.clip_grads_with_norm_(state.model.parameters(), largest, norm)
    set_lr(state.optimizer, lr)
    scaler.step(state.optimizer)
    scaler.update()
    return PendingStep(state.step + 1, torch.stack(losses).sum(), norm, lr, indices)


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """The part of a batch that one forward pass computes."""

    places: slice  # in the batch
    reads: NDArray[np.int64]  # its images and, where they are mixed, the one before the first
    whole: bool  # whether it is all of the batch


def _micro_batches(config: TrainConfig, indices: NDArray[np.int64]) -> list[MicroBatch]:
    """The parts of the batch `indices` in this process, as equal as they can be."""
    group, every = config.processes, slice(0, len(indices))
    shard = every if group.count == 1 else group.shard(len(indices))
    size = shard.stop - shard.start
    count = min(config.recipe.batching.grad_accum, size)
    bounds = [shard.start + size * part // count for part in range(count + 1)]
    whole = count == 1 and size == len(indices)
    before = 0 if whole or config.recipe.mixing == Mixing() else 1
    return [
        MicroBatch(slice(start, stop), indices[np.arange(start - before, stop)], whole)
        for start, stop in pairwise(bounds)
    ]


def prefetch(config: TrainConfig, order: NDArray[np.int64], cropping: Cropping) -> None:
    """Let the images of the next steps be read ahead, in the order in which steps take them."""
    batches = (order[start : start + config.batch] for start in range(0, len(order), config.batch))
    parts = [part.reads for indices in batches for part in _micro_batches(config, indices)]
    config.train.expect(parts, cropping)


def load_batch(
    config: TrainConfig, indices: NDArray[np.int64], cropping: Cropping
) -> tuple[Tensor, Tensor]:
    """Augmented, normalized images (batch, 3, side, side) and labels, on the device."""
    device = config.execution.device
    crops, labels = config.train.crops(indices, cropping, device)
    images = augment(
        crops,
        cropping.how,
        config.preprocessing,
        CounterRng(cropping.seed, cropping.epoch, indices),
    )
    images = images.to(config.dtype).contiguous(memory_format=config.layout)
    return images, labels.to(device)


def _part_loss(
    config: TrainConfig,
    state: TrainState,
    indices: NDArray[np.int64],
    part: MicroBatch,
    cropping: Cropping,
) -> Tensor:
    """What a part of the batch `indices` adds to its loss, not yet read.

    The order of a batch is random, so that the image before each is a random partner to mix it
    with. It may belong to another part, or to another process.
    """
    images, labels = load_batch(config, part.reads, cropping)
    mixture = draw_mixture(
        config.recipe.mixing, cropping.side, seed=config.seed, step=state.step
    )  # the same in all parts
    partners = labels
    if mixture is not None and part.whole:
        images, partners = mix(images, images.roll(1, 0), mixture), labels.roll(1)
    elif mixture is not None:
        images, labels, partners = mix(images[1:], images[:-1], mixture), labels[1:], labels[:-1]
    momentum = _NORM_MOMENTUM
    if isinstance(norms := config.recipe.norms, TrainedNorms) and norms.norm_decay is not None:
        momentum = 1.0 - norms.norm_decay
    for name, module in state.model.named_modules():
        if isinstance(module, NORMS):  # as moving averages do, or short runs keep first statistics
            module.momentum = max(momentum, 9.0 / (10.0 + state.step))
        if isinstance(module, SampleDropout):
            keys = sample_keys(config.seed, state.step, indices[part.places], f"dropout {name}")
            module.keys = torch.from_numpy(keys).to(images.device)
    with config.autocast():
        logits = state.network(images, exits=config.exit_weights)
    loss = _supervised(config, logits, labels, indices)
    if mixture is not None:
        loss = loss.lerp(_supervised(config, logits, partners, indices), 1.0 - mixture.kept)
    return loss


def _supervised(
    config: TrainConfig, logits: Logits, labels: Tensor, indices: NDArray[np.int64]
) -> Tensor:
    """What some images of the batch `indices` add to its mean loss."""
    weights = config.class_weights
    loss = deep_supervision_loss(
        logits,
        labels,
        weights=config.exit_weights,
        smoothing=config.recipe.loss.label_smoothing,
        class_weights=weights,
    )
    if weights is None or len(labels) == len(indices):
        return loss * (len(labels) / len(indices))
    batch_labels = config.train.labels[torch.from_numpy(indices)].to(labels.device)
    return loss * float(weights[labels].sum() / weights[batch_labels].sum())


def deep_supervision_loss(
    logits: Logits,
    labels: Tensor,
    *,
    weights: Mapping[str, float],
    smoothing: float,
    class_weights: Tensor | None = None,
) -> Tensor:
    """Cross-entropy of the main classifier plus that of every exit, weighted.

    Args:
        logits: main and exits, each (batch, classes), scores before softmax.
        labels: (batch,) int64, in [0, classes).
        weights: exit name -> weight of its loss; GoogLeNet uses 0.3 for both.
        smoothing: share of the target spread evenly over all classes, in [0, 1).
        class_weights: (classes,) float32, or float64 for such scores; the mean over the batch is
            then weighted. None for 1.

    Returns:
        Scalar, mean over the batch, in nats.

    Raises:
        KeyError: an exit has no weight.

    Sources:
        Exits: arXiv:1409.4842 section 5. Smoothing: arXiv:1512.00567 section 7.
    """
    losses: dict[str, Tensor] = {}
    for name, scores in {"main": logits.main, **logits.exits}.items():
        exact = scores.float() if scores.dtype.itemsize < 4 else scores  # low precision rounds
        losses[name] = cross_entropy(exact, labels, class_weights, label_smoothing=smoothing)
    loss = losses.pop("main")
    for name, of_exit in losses.items():
        loss = loss + weights[name] * of_exit
    return loss


def gradient_norm(model: nn.Module) -> Tensor:
    """Norm of the whole gradient, not yet read.

    On a CPU BLAS multiplies each part by itself, with all threads; torch's norms use one.
    """
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    if not all(gradient.is_cpu for gradient in gradients):
        return nn.utils.get_total_norm(gradients)
    vectors = [  # in the order in which they lie in memory, whichever layout they have
        g.flatten() if g.is_contiguous() else g.movedim(1, -1).flatten() for g in gradients
    ]
    return torch.stack([vector.dot(vector) for vector in vectors]).sum().sqrt()


def set_lr(optimizer: Optimizer, lr: float) -> None:
    """Give every group its share of the learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["share"]


def _norm_batches(config: TrainConfig, state: TrainState) -> Iterator[Tensor]:
    """The first batches of the epoch that ended, for batch norm statistics of the average."""
    norms = config.recipe.norms
    batches = norms.norm_batches if isinstance(norms, TrainedNorms) else 0
    return _first_batches(config, (state.step - 1) // config.steps_per_epoch, batches)


def _first_batches(config: TrainConfig, epoch: int, batches: int) -> Iterator[Tensor]:
    """The images of the first batches of an epoch, in every process all of them."""
    count = min(batches, config.steps_per_epoch)
    cropping = config.cropping(epoch)
    chosen = config.train.order(config.seed, epoch)[: count * config.batch].reshape(count, -1)
    config.train.expect(list(chosen), cropping)
    for indices in chosen:
        yield load_batch(config, indices, cropping)[0]
