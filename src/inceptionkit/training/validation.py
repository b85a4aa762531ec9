"""Scoring a set of images by all processes together, and the validation set after each epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inceptionkit.data.loading.unkept import ScoredPixels
from inceptionkit.evaluation.inference import predict_all_exits
from inceptionkit.evaluation.metrics import log_loss, top_k
from inceptionkit.network import InceptionNet
from inceptionkit.spec import steps
from inceptionkit.training.ema import renew_norms
from inceptionkit.training.freezing import frozen_parts
from inceptionkit.training.health import check_weights, dead_share
from inceptionkit.training.recipe import TrainedNorms
from inceptionkit.training.state import TrainConfig, TrainState

_SCORED_AT_ONCE = 128  # images: no batch is cut, so that any number of processes computes the same


def validate(
    config: TrainConfig,
    state: TrainState,
    norm_batches: Iterable[Tensor],
    *,
    lr: float,
    images_per_second: float,
) -> dict[str, Any]:
    """Score the validation images at the end of an epoch; the row of log.csv.

    Args:
        config: what the run computes.
        state: after the last step of the epoch.
        norm_batches: images that give the average new batch norm statistics, if the recipe wants
            them.
        lr: learning rate, for the row.
        images_per_second: of training, for the row.

    Raises:
        TrainingError: a weight is not finite, or no image passes the network any more.
    """
    start = perf_counter()
    check_weights(config, state)
    config.processes.broadcast_tensors(list(state.average.buffers()))
    norms = config.recipe.norms
    if isinstance(norms, TrainedNorms) and norms.norm_batches:
        frozen = list(frozen_parts(state.average, config.recipe))
        renew_norms(state.average, norm_batches, still=frozen)
    labels = config.val.labels.numpy()
    found = score(config, state.average, config.val.pixels)
    row: dict[str, Any] = {
        "epoch": round(state.step / config.steps_per_epoch, 4),
        "step": state.step,
        "lr": lr,
        "train_loss": state.loss_sum / ((state.step - 1) % config.steps_per_epoch + 1),
        "val_loss": log_loss(found["main"], labels),
        "val_top1": top_k(found["main"], labels, 1),
    }
    row |= {f"val_top1_{name}": top_k(p, labels, 1) for name, p in found.items() if name != "main"}
    row |= {
        "dead_relus": dead_share(config, state),
        "images_per_second": images_per_second,
        "evaluation_seconds": perf_counter() - start,
    }
    return row


def score(
    config: TrainConfig,
    model: InceptionNet,
    pixels: ScoredPixels,
    tick: Callable[[int], None] = lambda _: None,
) -> dict[str, NDArray[np.float32]]:
    """Probabilities that each exit and the main classifier give each image, by all processes.

    Args:
        config: what the run computes, and in how many processes.
        model: the same in every process, in evaluation mode.
        pixels: (images, 3, size, size) uint8, the same in every process.
        tick: called now and then with the number of images done.

    Returns:
        Exit name -> (images, classes), in trunk order, "main" last; the same in every process.
    """
    group, count, batch = config.processes, len(pixels), _SCORED_AT_ONCE
    shard = pixels[group.shard(count, whole=batch)]
    found: dict[str, NDArray[np.float32]] = {}
    if len(shard):
        found = predict_all_exits(
            model,
            shard,
            config.preprocessing,
            batch=batch,
            tick=lambda done: tick(min(count, done * group.count)),
        )
    if group.count == 1:
        return found
    none = np.zeros((0, list(steps(config.net))[-1].output.channels), np.float32)
    return {
        name: group.all_gather_rows(
            torch.from_numpy(found.get(name, none)), count, whole=batch
        ).numpy()
        for name in (*(e.name for e in config.net.exits), "main")
    }
