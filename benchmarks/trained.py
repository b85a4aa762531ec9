"""What the speed and the memory of training are measured on: networks, updates, and our loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import perf_counter
from unittest.mock import patch

import numpy as np
import torch
from peers import torchvision_models
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD, Optimizer

from inceptionkit.catalog import architecture
from inceptionkit.data.loading.in_memory import Images
from inceptionkit.data.transforms.pipeline import normalize
from inceptionkit.network import build
from inceptionkit.preprocess import Preprocessing
from inceptionkit.training import loop
from inceptionkit.training import recipe as recipes
from inceptionkit.training.execution import Execution
from inceptionkit.training.recipe import Recipe
from inceptionkit.training.schedule import Plan
from inceptionkit.training.state import TrainConfig, TrainState, make_optimizer, new_state

Batch = tuple[Tensor, Tensor]  # images (batch, 3, side, side) float32, normalized; labels


@dataclass(frozen=True, slots=True)
class Subject:
    """A network at a size, ours and its peer's."""

    name: str  # ours; without exits, so that all sides compute one classifier
    peer: str | None  # torchvision's and timm's name, where they have it
    side: int  # of the input, pixels
    batch: int  # images in an update


GOOGLENET = Subject("googlenet:bn", "googlenet", 224, 32)
INCEPTION_V3 = Subject("inception_v3", "inception_v3", 299, 8)


def job_of(subject: Subject, execution: Execution, *, classes: int, updates: int) -> TrainConfig:
    """A run on synthetic images, enough for so many updates before an epoch ends."""
    generator = torch.Generator().manual_seed(0)
    count = subject.batch * (updates + 1)
    stored = subject.side * 8 // 7  # pixels: 256 for an input of 224
    shape = (count, stored, stored, 3)  # as they lie in memory when files are read
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    pixels = pixels.permute(0, 3, 1, 2)
    labels = torch.randint(0, classes, (count,), generator=generator)
    images = Images(pixels, labels, np.ones(count), tuple(map(str, range(count))))
    return TrainConfig(
        net=replace(architecture(subject.name, classes=classes, input=subject.side), exits=()),
        recipe=Recipe(
            batching=recipes.Batching(batch=subject.batch), optimizer=recipes.SGD(lr=0.01)
        ),
        execution=execution,
        preprocessing=Preprocessing(size=subject.side),
        train=images,
        val=images,
        seed=0,
    )


def batch_of(job: TrainConfig) -> Batch:
    """The batch that every bare update computes, on its device and in its layout."""
    side = job.net.image[1]
    pixels, how = job.train.pixels[: job.batch, :, :side, :side], job.preprocessing
    images = normalize(pixels, how.mean, how.std)
    on_device = images.to(job.execution.device, memory_format=job.layout)
    return on_device, job.train.labels[: job.batch].to(job.execution.device)


def ours(job: TrainConfig) -> tuple[nn.Module, Optimizer]:
    """Our network, and the optimizer of `modern`."""
    model = build(job.net, seed=0)
    placed(model, job)
    return model, make_optimizer(model, job.recipe)


def placed(model: nn.Module, job: TrainConfig) -> nn.Module:
    """A network on the run's device, in its number format and layout."""
    device, layout = job.execution.device, job.layout
    return model.to(device, job.dtype, memory_format=layout)  # type: ignore[call-overload, no-any-return]


def torchvisions(job: TrainConfig, peer: str) -> nn.Module:
    """Torchvision's network, without exits.

    Raises:
        PeerMissingError: torchvision cannot be imported.
    """
    torch.manual_seed(0)
    make = getattr(torchvision_models(), peer)
    classes = int(job.train.labels.max()) + 1
    return placed(
        make(weights=None, num_classes=classes, aux_logits=False, init_weights=False), job
    )


def usual_sgd(model: nn.Module) -> SGD:
    """SGD as torch's users write it down."""
    return SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)


def our_sgd(model: nn.Module, recipe: Recipe) -> SGD:
    """The optimizer of `modern`, for a network of others."""
    weights = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": recipe.optimizer.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return SGD(
        groups,
        lr=recipe.optimizer.lr,
        momentum=recipe.optimizer.momentum,
        nesterov=True,
        fused=True,
    )


def bare(
    model: nn.Module, optimizer: Optimizer, batch: Batch, job: TrainConfig
) -> Callable[[], Tensor]:
    """Forward, loss, backward and optimizer step, nothing else; the loss is not read."""
    images, labels = batch

    def update() -> Tensor:
        with job.autocast():
            scores = model(images)
        scores = scores if isinstance(scores, Tensor) else scores[0]
        loss = cross_entropy(scores.float(), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.detach()

    model.train()
    return update


def everything(job: TrainConfig, state: TrainState | None = None) -> Callable[[], object]:
    """The loop of `inceptionkit train`, from one update to the next."""
    plan = Plan(
        step=0,
        steps=job.steps_per_epoch,
        progress=0.0,
        images_per_second=0.0,
        seconds_left=None,
        why="as many updates as are timed",
    )
    state = state or new_state(job)
    state.plans = [plan]
    events = loop.train(job, state)
    return lambda: next(events)


class Stopwatch:
    """Seconds that the updates of a run spend in forward, loss, backward and optimizer step."""

    def __init__(self, state: TrainState) -> None:
        self.seconds = 0.0
        state.network.register_forward_pre_hook(self.start)
        state.optimizer.register_step_post_hook(self.stop)

    def start(self, *_: object) -> None:
        """A forward pass begins."""
        self.seconds -= perf_counter()

    def stop(self, *_: object) -> None:
        """The weights are changed."""
        self.seconds += perf_counter()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What lies between the two, and belongs to the loop: the norm of the gradient."""
        measure = loop.gradient_norm

        def apart(model: nn.Module) -> Tensor:
            self.stop()
            norm = measure(model)
            self.start()
            return norm

        with patch.object(loop, "gradient_norm", apart):
            yield


def loop_shares(job: TrainConfig, rounds: int, warm_up: int) -> Sequence[float]:
    """Of the time of our loop, the share that the step itself does not take.

    That is cropping, normalizing, the gradient's norm, the moving average, watching, logging. Each
    share is of as many updates as lie between two moves of the average. On a CPU alone: elsewhere
    the clock would stop before the device does.
    """
    state = new_state(job)
    watch, update = Stopwatch(state), everything(job, state)
    shares = []
    with watch.paused():
        for _ in range(warm_up):
            update()
        for _ in range(rounds):
            watch.seconds, began = 0.0, perf_counter()
            for _ in range(job.recipe.average.ema_every):
                update()
            shares.append(1.0 - watch.seconds / (perf_counter() - began))
    return shares
