"""The training loop: it computes and yields; whoever listens writes files and speaks.

A listener acts on an event before the loop goes on. Where the event says that `state` is whole, it
may save it. It may add a plan, which it records before it lets the loop follow it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from inceptionkit.data.rng import CounterRng, sample_keys, step_seed
from inceptionkit.data.transforms.augmentation import Mixing
from inceptionkit.data.transforms.mixup import Mixture, draw_mixture, mix
from inceptionkit.data.transforms.pipeline import augment
from inceptionkit.evaluation.metrics import log_loss, top_k
from inceptionkit.network import Logits
from inceptionkit.network.layers import SampleDropout
from inceptionkit.training.ema import due, joint_share, move, renew_norms
from inceptionkit.training.freezing import frozen_parts
from inceptionkit.training.health import Watched, dead_share, gradient_norm, read, refuse_infinite
from inceptionkit.training.loss import deep_supervision_loss
from inceptionkit.training.optim import set_rate
from inceptionkit.training.schedule import Plan, in_force, progress
from inceptionkit.training.score import score
from inceptionkit.training.state import Job, State, epochs_since_best, is_patient

LOGGED_PER_EPOCH = 20


@dataclass(frozen=True, slots=True)
class Stepped:
    """An update is done."""

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


Event = Stepped | EpochEnded


def train(job: Job, state: State, plans: list[Plan]) -> Iterator[Event]:
    """Go on from `state` until the last of `plans` is fulfilled, or patience is at its end.

    `plans` may grow while an event is handled: the loop looks at it anew before every update.

    Raises:
        TrainingError: the loss, the gradient or a weight is not finite, the gradient explodes, or
            nothing passes the network.
    """
    while state.step < plans[-1].steps and is_patient(job, state):
        began, first = perf_counter(), state.step
        yield from epoch(job, state, plans)
        seconds = perf_counter() - began
        row = end_of_epoch(job, state, plans, (state.step - first) * job.batch / seconds)
        state.rows.append(row)
        if job.recipe.patience is not None and epochs_since_best(state.rows) == 0:
            state.best = copy.deepcopy(state.average)
        state.loss_sum, state.hold = 0.0, False
        yield EpochEnded(row)


def epoch(job: Job, state: State, plans: list[Plan]) -> Iterator[Stepped]:
    """The updates of the epoch in which `state` stands.

    On a GPU an update is read while the next one is computed: it need not wait for us.
    """
    per_epoch = job.steps_per_epoch
    number = state.step // per_epoch
    job = job.grown_to(progress(plans, number * per_epoch))
    turn = job.train.order(job.seed, number)
    expect(job, turn[state.step % per_epoch * job.batch : per_epoch * job.batch], epoch=number)
    unread: list[Watched] = []
    while state.step < min((number + 1) * per_epoch, plans[-1].steps):
        at = state.step % per_epoch * job.batch
        indices = turn[at : at + job.batch]
        lr = job.lr(progress(plans, state.step + 0.5))
        unread.append(update(job, state, indices, epoch=number, lr=lr))
        steps = in_force(plans, state.step).steps
        state.step += 1
        last = state.step % per_epoch == 0 or state.step == plans[-1].steps
        if new := due(job.recipe, first=number * per_epoch, done=state.step, last=last):
            move(state.average, state.model, joint_share(job.recipe, new, steps=steps))
        while len(unread) > (job.execution.late and not last and not state.hold):
            done = read(unread.pop(0), job, state)
            state.loss_sum += done.loss
            logged = done.step % max(1, per_epoch // LOGGED_PER_EPOCH) == 0
            whole = not unread and not last
            yield Stepped(done.step, done.loss, done.lr, done.norm, logged, whole)


def update(job: Job, state: State, indices: NDArray[np.int64], *, epoch: int, lr: float) -> Watched:
    """One update of the weights; what is to be read of it."""
    recipe, scaler = job.recipe, state.scaler
    torch.manual_seed(step_seed(job.seed, state.step))
    state.optimiser.zero_grad(set_to_none=True)
    own = parts(job, len(indices))
    losses = []
    for part in own:
        with passing(state.network, last=part is own[-1]):
            loss = part_loss(job, state, indices, part, epoch=epoch)
            torch.autograd.backward(scaler.scale(loss * job.processes.count))
        losses.append(loss.detach())
    scaler.unscale_(state.optimiser)
    norm = gradient_norm(state.model)
    if recipe.clip is not None:
        nn.utils.clip_grads_with_norm_(state.model.parameters(), recipe.clip, norm)
    set_rate(state.optimiser, lr)
    scaler.step(state.optimiser)
    scaler.update()
    return Watched(state.step + 1, torch.stack(losses).sum(), norm, lr, indices)


def parts(job: Job, count: int) -> list[slice]:
    """What of a batch of `count` images this process computes: parts as equal as they can be."""
    own = job.processes.part(count)
    size = own.stop - own.start
    pieces = min(job.recipe.accumulate, size)
    bounds = [own.start + size * piece // pieces for piece in range(pieces + 1)]
    return list(map(slice, bounds, bounds[1:]))


def expect(job: Job, turn: NDArray[np.int64], *, epoch: int) -> None:
    """Let the images of the next updates be read ahead, in the order in which parts take them."""
    batches = (turn[at : at + job.batch] for at in range(0, len(turn), job.batch))
    job.train.expect(
        [needed(job, indices, part) for indices in batches for part in parts(job, len(indices))],
        job.cropping(epoch),
    )


@contextmanager
def passing(network: nn.Module, *, last: bool) -> Iterator[None]:
    """Between processes the gradients of an update are added up once, in its last part."""
    if last or not isinstance(network, DistributedDataParallel):
        yield
        return
    with network.no_sync():
        yield


def part_loss(
    job: Job, state: State, indices: NDArray[np.int64], part: slice, *, epoch: int
) -> Tensor:
    """What a part of the batch `indices` adds to its loss, not yet read."""
    mixture = draw_mixture(job.recipe.mixing, job.crop_side, seed=job.seed, step=state.step)
    images, labels, partners = mixed(job, indices, part, mixture, epoch=epoch)
    for name, module in state.model.named_modules():
        if isinstance(module, SampleDropout):
            keys = sample_keys(job.seed, state.step, indices[part], f"dropout {name}")
            module.keys = torch.from_numpy(keys).to(images.device)
    with job.execution.autocast():
        logits = state.network(images, exits=job.exit_weights)
    loss = supervised(job, logits, labels, indices)
    if mixture is not None:
        loss = loss.lerp(supervised(job, logits, partners, indices), 1.0 - mixture.kept)
    return loss


def needed(job: Job, indices: NDArray[np.int64], part: slice) -> NDArray[np.int64]:
    """Images that a part of a batch is made of: where they are mixed, also the one before it."""
    if job.recipe.mixing == Mixing() or is_whole(indices, part):
        return indices[part]
    return indices[np.arange(part.start - 1, part.stop)]


def is_whole(indices: NDArray[np.int64], part: slice) -> bool:
    """Whether a part is all of its batch."""
    return bool(part.stop - part.start == len(indices))


def mixed(
    job: Job, indices: NDArray[np.int64], part: slice, mixture: Mixture | None, *, epoch: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Images of a part of a batch, each mixed with the one before it; labels, and the partners'.

    The order of the batch is random, so that the image before is a random partner. It may belong to
    another part, or to another process.
    """
    images, labels = batch_of(job, needed(job, indices, part), epoch)
    if mixture is None:
        return images, labels, labels
    if is_whole(indices, part):
        return mix(images, images.roll(1, 0), mixture), labels, labels.roll(1)
    return mix(images[1:], images[:-1], mixture), labels[1:], labels[:-1]


def supervised(job: Job, logits: Logits, labels: Tensor, indices: NDArray[np.int64]) -> Tensor:
    """What some images of the batch `indices` add to the loss of the recipe."""
    mean = deep_supervision_loss(
        logits,
        labels,
        weights=job.exit_weights,
        smoothing=job.recipe.smoothing,
        class_weights=job.class_weights,
    )
    return mean * loss_share(job, labels, indices)


def loss_share(job: Job, labels: Tensor, indices: NDArray[np.int64]) -> float:
    """Share of images with these labels in the mean over the batch `indices`."""
    weights = job.class_weights
    if weights is None or len(labels) == len(indices):
        return len(labels) / len(indices)
    whole = job.train.labels[torch.from_numpy(indices)].to(labels.device)
    return float(weights[labels].sum() / weights[whole].sum())


def batch_of(job: Job, indices: NDArray[np.int64], epoch: int) -> tuple[Tensor, Tensor]:
    """Augmented, normalised images (batch, 3, side, side) and labels, on the device."""
    cropping = job.cropping(epoch)
    crops, labels = job.train.crops(indices, cropping, job.execution.device)
    rng = CounterRng(cropping.seed, cropping.epoch, indices)
    images = augment(crops, cropping.how, job.preprocessing, rng)
    images = images.to(job.execution.dtype).contiguous(memory_format=job.execution.layout)
    return images, labels.to(job.execution.device)


def end_of_epoch(
    job: Job, state: State, plans: list[Plan], images_per_second: float
) -> dict[str, Any]:
    """Score the validation images; the row of log.csv.

    Raises:
        TrainingError: a weight is not finite, or nothing passes the network any more.
    """
    began = perf_counter()
    per_epoch = job.steps_per_epoch
    done = (state.step - 1) % per_epoch + 1
    refuse_infinite(job, state)
    job.processes.agree(list(state.average.buffers()))
    renewed(job, state)
    labels = job.val.labels.numpy()
    found = score(job, state.average, job.val.pixels)
    row: dict[str, Any] = {
        "epoch": round(state.step / per_epoch, 4),
        "step": state.step,
        "lr": job.lr(progress(plans, state.step)),
        "train_loss": state.loss_sum / done,
        "val_loss": log_loss(found["main"], labels),
        "val_top1": top_k(found["main"], labels, 1),
    }
    row |= {f"val_top1_{name}": top_k(p, labels, 1) for name, p in found.items() if name != "main"}
    row |= {
        "dead_relus": dead_share(job, state),
        "images_per_second": images_per_second,
        "evaluation_seconds": perf_counter() - began,
    }
    return row


def renewed(job: Job, state: State) -> None:
    """Give the average new statistics of its batch norms, if the recipe wants them."""
    if not job.recipe.norm_batches:
        return
    epoch = (state.step - 1) // job.steps_per_epoch
    count = min(job.recipe.norm_batches, job.steps_per_epoch)
    chosen = job.train.order(job.seed, epoch)[: count * job.batch].reshape(count, -1)
    job.train.expect(list(chosen), job.cropping(epoch))
    batches = (batch_of(job, indices, epoch)[0] for indices in chosen)
    renew_norms(state.average, batches, still=list(frozen_parts(state.average, job.recipe)))
