"""Which start suits some images best, measured: the package's weights, released ones, or none.

Each start does the same work on the same few images. A model's features are computed once, and a
linear classifier is fitted on them: a run that starts from it goes on from there. A network from
nothing is trained. What names more held-out images right, wins. Work is counted, not timed, so that
the same command decides alike again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from inceptionkit.convert import hub
from inceptionkit.convert.registry import read_weights
from inceptionkit.convert.rename import Tensors
from inceptionkit.data.loading.in_memory import Images
from inceptionkit.data.loading.read import decode_samples
from inceptionkit.data.loading.sets import SplitDataset, image_set
from inceptionkit.data.rng import permutation
from inceptionkit.derive import cost
from inceptionkit.errors import InceptionError, TrainingError
from inceptionkit.evaluation.classifier import network_of
from inceptionkit.evaluation.inference import network_input
from inceptionkit.evaluation.metrics import top_k
from inceptionkit.machine import BF16, cpu_flags
from inceptionkit.model import DEFAULT_MODEL, Card, shipped
from inceptionkit.network import InceptionNet
from inceptionkit.preprocess import Preprocessing
from inceptionkit.progress import Listener, Progress
from inceptionkit.spec import Net, with_input
from inceptionkit.text import percent
from inceptionkit.training import heads
from inceptionkit.training.autotune import free_bytes, parts_that_fit
from inceptionkit.training.budget import Budget, Epochs, Time, Work
from inceptionkit.training.defaults import FEW_BATCH, same_weights
from inceptionkit.training.execution import Execution, Precision
from inceptionkit.training.loop import train
from inceptionkit.training.recipe import Recipe
from inceptionkit.training.schedule import Plan
from inceptionkit.training.state import TrainConfig, new_state
from inceptionkit.training.validation import score

LEAST_SIDE = 24  # pixels: smaller images are enlarged too much for a network of photographs
_SMALLEST_INPUT = 48  # pixels that such a network gets at least
_SHARE = 0.04  # of the run's work that each start may take
_SHORT, _LEAST_WORK = 0.25, 5e10  # of a short run each may take more, but for so many MACs: 1 s
_CORE, _GPU = 2e10, 2e12  # MACs a second that a budget of time is reckoned with
_TRAIN, _VAL = 600, 400  # images, at least so many times the classes:
_TRAIN_EACH, _VAL_EACH, _MOST = 10, 4, 3_000
_MOST_BYTES = 2**28  # of the pixels to train on, and of those to score
_FEWEST = 8  # images to train on
_FEWEST_HELD_OUT = 100  # with fewer, a part of the training images is held out, too
_BATCH = 64
_PHOTOGRAPHS = 96  # pixels: short side of images for which ImageNet's weights are mentioned
_RELEASED = "torchvision/googlenet"  # the smallest of them, 50 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Where a run starts, and why."""

    model: str | None = None  # None for random weights
    side: int | None = None  # of its input, pixels
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Sample:
    """Images of a probe, (images, 3, side, side) uint8, to train on and to score."""

    train: Images
    held_out: Images


def choose_by_probe(  # noqa: PLR0913 - what is known, who hears
    opened: SplitDataset,
    net: Net,
    recipe: Recipe,
    execution: Execution,
    budget: Budget,
    *,
    side: int | None,
    workers: int,
    listener: Listener,
) -> Chosen:
    """Compare the starts there are.

    Args:
        opened: the images.
        net: which a run from nothing would train.
        recipe: by which it would.
        execution: device and threads.
        budget: of the run.
        side: of the input that was asked for; None for what suits the images.
        workers: threads that decode.
        listener: hears how far it is.
    """
    limited = isinstance(budget, Time | Work)  # else a start's cost would not count
    released = hub.cached() if limited and opened.sizes.median >= _PHOTOGRAPHS else ()
    ids = [one for one in (DEFAULT_MODEL, *released) if one in (*shipped(), *released)]
    if not ids:
        return Chosen()
    models = dict[str, tuple[Card, Tensors]]()
    for one in ids:
        with suppress(InceptionError):  # a damaged file in the cache harms nobody who did not ask
            models[one] = read_weights(one)
    sides = {one: side or input_for(card, opened.sizes.median) for one, (card, _) in models.items()}
    tell = partial(_tell, listener, len(ids) + 1)
    largest = max(net.image[1], *sides.values())
    sample = _decoded(opened, largest, workers, partial(tell, 0, "image"))
    if len(sample.train) < _FEWEST or not len(sample.held_out):
        return Chosen()
    classes, count = len(opened.dataset.classes), len(opened.sets.train)
    work = work_of(budget, net, recipe, count, execution)
    found: dict[str | None, float] = {}
    for at, (one, model) in enumerate(models.items()):
        tick = partial(tell, at, f"{one}, image")
        share = _from_model(model, sides[one], execution, sample, work, classes=classes, tick=tick)
        if share is not None:
            found[one] = share
    if not found:
        return Chosen()
    tick = partial(tell, len(ids), "nothing, step")
    found[None] = _from_nothing(net, recipe, execution, sample, work, tick)
    best = max(found, key=lambda one: found[one])  # of equals the first: a start
    shown = ", ".join(f"{one or 'nothing'} {percent(share)}" for one, share in found.items())
    why = f"start: {best or 'nothing'} is best in a probe of equal work ({shown} of "
    why += f"{len(sample.held_out):,} held-out images right)"
    reasons = [why if best is None else f"{why}; --from none starts from nothing"]
    if opened.sizes.median >= _PHOTOGRAPHS and not hub.cached():
        hint = "ImageNet's weights may be better still, in a larger network: "
        reasons.append(f"{hint}--from {_RELEASED} fetches 50 MB")
    return Chosen(model=best, side=None if best is None else sides[best], reasons=tuple(reasons))


def input_for(card: Card, short_side: int) -> int:
    """Side at which a model sees images of a short side: its own, or a smaller one for these."""
    own = card.architecture.image[1]
    side = min(own, max(_SMALLEST_INPUT, -(-short_side // 16) * 16))
    return side if same_weights(card.architecture, side / own) else own


def work_of(budget: Budget, net: Net, recipe: Recipe, images: int, execution: Execution) -> float:
    """MACs that each start may take."""
    if isinstance(budget, Epochs):
        crops = with_input(net, max(1, round(net.image[1] * recipe.inputs.crop_side)))
        whole = 3.0 * cost(crops).with_exits.macs * images * budget.epochs
    elif isinstance(budget, Work):
        whole = budget.flop / 2
    else:
        whole = budget.seconds * (_CORE * execution.threads if execution.device == "cpu" else _GPU)
    return max(_SHARE * whole, min(_LEAST_WORK, _SHORT * whole))


def probe_execution(device: str, threads: int, precision: str) -> Execution:
    """How the starts compute: in bf16 where the processor does, unless another one is asked for."""
    fast = device != "cpu" or bool(BF16 & cpu_flags())
    low: Precision = "bf16" if fast and precision in {"auto", "bf16"} else "fp32"
    return Execution(precision=low, device=device, threads=threads)


def _low_precision(execution: Execution) -> AbstractContextManager[Any]:
    kind, low = torch.device(execution.device).type, execution.precision == "bf16"
    return torch.autocast(kind, torch.bfloat16, enabled=low)


def _tell(listener: Listener, starts: int, done: int, what: str, number: int) -> None:
    note = f"{what} {number:,}"
    listener.progress(Progress(what="comparing starts", done=done, total=starts, note=note))


def _decoded(opened: SplitDataset, side: int, workers: int, tick: Callable[[int], None]) -> _Sample:
    """Some images of train and val, the middle of each, as squares."""
    classes = len(opened.dataset.classes)

    def some(indices: NDArray[np.int64], least: int, each: int) -> NDArray[np.int64]:
        most = min(len(indices), _MOST, max(least, each * classes), _MOST_BYTES // (3 * side**2))
        return indices[permutation(0, 0, len(indices))[:most]]

    train = some(opened.sets.train, _TRAIN, _TRAIN_EACH)
    held_out = some(opened.sets.val, _VAL, _VAL_EACH)
    if len(held_out) < _FEWEST_HELD_OUT:
        kept = max(classes, 2 * len(train) // 3)
        train, held_out = train[:kept], np.concatenate([held_out, train[kept:]])
    fit = Preprocessing(size=side).fit
    sets = (
        image_set(opened.dataset, decode_samples(opened.dataset, part, fit, workers, tick), side)
        for part in (train, held_out)
    )
    return _Sample(*sets)


def _first(images: Images, count: int) -> Images:
    return replace(
        images,
        pixels=images.pixels[:count],
        labels=images.labels[:count],
        shape=images.shape[:count],
        names=images.names[:count],
    )


def _resized(pixels: Tensor, side: int) -> Tensor:
    if pixels.shape[-1] == side:
        return pixels
    parts = [  # one after the other: as floats they take four times the memory
        interpolate(part.float(), (side, side), mode="bilinear", antialias=True)
        .round()
        .clamp(0, 255)
        .to(torch.uint8)
        for part in torch.split(pixels, _BATCH)
    ]
    return torch.cat(parts)


def _inputs(model: InceptionNet, how: Preprocessing, pixels: Tensor) -> Iterator[Tensor]:
    """Batches as the network takes them."""
    for start in range(0, len(pixels), _BATCH):
        part = pixels[start : start + _BATCH]
        yield network_input(model, how, _resized(part, how.size))


def _from_model(  # noqa: PLR0913 - what is fitted, on what, who hears
    start: tuple[Card, Tensors],
    side: int,
    execution: Execution,
    sample: _Sample,
    work: float,
    *,
    classes: int,
    tick: Callable[[int], None],
) -> float | None:
    """Share of the held-out images that a classifier on a model's features names right.

    None where its last layer is not linear, or the work is too little for its features.
    """
    card, tensors = start
    fixed = replace(with_input(card.architecture, side), exits=())
    kept = {n: v for n, v in tensors.items() if not n.startswith("exits.")}
    model = network_of(replace(card, architecture=fixed), kept).to(execution.device)
    images = int(work / cost(fixed).without_exits.macs)
    if not heads.linear_heads(model) or images < min(2 * classes, len(sample.train)):
        return None
    taken, how = _first(sample.train, images), replace(card.preprocessing, size=side)
    with _low_precision(execution):
        read = [
            heads.features(model, _inputs(model, how, part.pixels), tick)
            for part in (taken, sample.held_out)
        ]
    labels = (taken.labels, sample.held_out.labels)
    pairs = [(x["main"], y) for x, y in zip(read, labels, strict=True)]
    return heads.fit(*pairs, classes=classes).top1


def _from_nothing(
    net: Net,
    recipe: Recipe,
    execution: Execution,
    sample: _Sample,
    work: float,
    tick: Callable[[int], None],
) -> float:
    """Share of the held-out images that a network names right which is trained from random weights.

    Its schedule is a whole one, so that it ends with small steps and the average of them.
    """
    side, plain = net.image[1], np.ones(len(sample.train))
    how = Preprocessing(size=side, mean=(0.5,) * 3, std=(recipe.inputs.pixel_std,) * 3)
    inputs = replace(recipe.inputs, small_crops=0.0)
    batch = min(recipe.batching.batch, FEW_BATCH)  # so little work is many steps only of few
    free = free_bytes(execution.device)
    parts = parts_that_fit(net, batch, itemsize=4, at_least=1, free_bytes=free)
    batching = replace(recipe.batching, batch=batch, grad_accum=parts)
    config = TrainConfig(
        net=net,
        recipe=replace(recipe, inputs=inputs, batching=batching, patience=None),
        execution=execution,
        preprocessing=how,
        train=replace(sample.train, shape=plain),
        val=_first(sample.held_out, 1),  # scored after every epoch
        seed=0,
    )
    state = new_state(config)
    macs = 3 * cost(with_input(net, config.crop_side)).with_exits.macs * config.batch
    steps = max(1, int(work / macs))
    plan = Plan(step=0, steps=steps, progress=0.0, images_per_second=1, seconds_left=None, why="")
    state.plans.append(plan)
    try:
        for _ in train(config, state):
            tick(state.step)
    except TrainingError:  # it explodes: nothing is learned
        return 0.0
    found = score(config, state.average, _resized(sample.held_out.pixels, side))
    return top_k(found["main"], sample.held_out.labels.numpy(), 1) or 0.0
