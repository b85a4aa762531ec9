"""Classifiers fitted on features that are computed once: of the main head, and of every exit.

All else of the network stays as it is, so that this takes seconds where training takes minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from inceptionkit.data.transforms.augmentation import Augmentation, Cropping, RandomCrop
from inceptionkit.evaluation.inference import network_input
from inceptionkit.network import InceptionNet
from inceptionkit.spec import Linear, classifiers, steps
from inceptionkit.training.ema import renew_norms
from inceptionkit.training.freezing import frozen_parts
from inceptionkit.training.loop import load_batch
from inceptionkit.training.state import TrainConfig, TrainState

PENALTIES = (3e-4, 3e-3, 3e-2)  # on the squared weights of standardized features: one is chosen
_WHOLE = Augmentation(crop=RandomCrop(area_low=1.0, aspect=1.0), flip="none")
_BATCH = 64  # images at a time
_RENEWED = 16  # batches that give norms their statistics
_ROUNDS = 60  # of L-BFGS: each reads all features
_REFITTED_ON, _MOST_WORK = 10_000, 2**28  # images; numbers that one pass of a fit multiplies
_REFIT_SHARE = 0.05  # of the images that were trained on, counted each time: 3 % of the run's time
_LEAST_PER_CLASS = 10  # images, on average: fewer are not worth a fit
_REFIT_AREA = 0.35  # share of an image that its crops show at least
_LEAST_SPREAD = 1e-5  # of a feature, relative to the largest: one that hardly varies is left alone


@dataclass(frozen=True, slots=True)
class Fitted:
    """A linear classifier.

    Attributes:
        weight: (classes, features) float32.
        bias: (classes,) float32.
        top1: share of the held-out images that it names right.
    """

    weight: Tensor
    bias: Tensor
    top1: float


def linear_heads(model: InceptionNet) -> dict[str, nn.Linear]:
    """Classifier -> its last layer, "main" last; without those that are convolutions."""
    linear = {step.at for step in steps(model.spec) if isinstance(step.op, Linear)}
    found: dict[str, nn.Linear] = {}
    for at in classifiers(model.spec):
        layer = model.get_submodule(f"{at}.fc") if at in linear else None
        if isinstance(layer, nn.Linear):
            found["main" if at.startswith("head") else at.split(".")[1]] = layer
    return {name: found[name] for name in sorted(found, key="main".__eq__)}


@torch.inference_mode()
def features(
    model: InceptionNet, batches: Iterable[Tensor], tick: Callable[[int], None] = lambda _: None
) -> dict[str, Tensor]:
    """What the last layer of every linear classifier reads.

    Args:
        model: in evaluation mode.
        batches: images as the network takes them.
        tick: called after each batch with the number of images done.

    Returns:
        Classifier -> (images, features) float32, on the CPU.
    """
    layers, done = linear_heads(model), 0
    read: dict[str, list[Tensor]] = {name: [] for name in layers}
    hooks = [
        layer.register_forward_pre_hook(
            lambda _, args, kept=read[name]: kept.append(args[0].float().cpu())
        )
        for name, layer in layers.items()
    ]
    try:
        for images in batches:
            model(images, exits=[name for name in layers if name != "main"])
            done += len(images)
            tick(done)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: torch.cat(parts) for name, parts in read.items()}


def fit(
    train: tuple[Tensor, Tensor],
    held_out: tuple[Tensor, Tensor],
    *,
    classes: int,
    smoothing: float = 0.0,
    penalties: Sequence[float] = PENALTIES,
) -> Fitted:
    """Fit multinomial logistic regression, with the penalty that is best on held-out images.

    It is a function of its arguments alone: the same bytes on the same machine.

    Args:
        train: features (images, features) float32, and labels (images,) int64 or the share that
            each class has in them, (images, classes) float32.
        held_out: features and labels, to choose the penalty by.
        classes: how many.
        smoothing: of the labels, as in training.
        penalties: to choose from, times the sum of squared weights.

    Sources:
        L-BFGS: Liu & Nocedal 1989. Linear classifiers on fixed features: arXiv:1310.1531.
    """
    x, labels = train
    mean, spread = x.mean(0), x.std(0, correction=0)
    spread = torch.where(spread > _LEAST_SPREAD * spread.max(), spread, torch.inf)
    scaled = (x - mean) / spread
    fitted: list[Fitted] = []
    for penalty in penalties:
        weight, bias = _minimized(scaled, labels, classes, penalty, smoothing)
        weight = weight / spread
        bias = bias - weight @ mean
        scores = held_out[0] @ weight.T + bias
        right = (scores.argmax(1) == held_out[1]).float().mean()
        fitted.append(Fitted(weight, bias, float(right)))
    return max(fitted, key=lambda one: one.top1)


@torch.enable_grad()
def _minimized(
    x: Tensor, labels: Tensor, classes: int, penalty: float, smoothing: float
) -> tuple[Tensor, Tensor]:
    weight = torch.zeros(classes, x.shape[1], requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=_ROUNDS, history_size=10, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        scores = torch.addmm(bias, x, weight.T)
        found = cross_entropy(scores, labels, label_smoothing=smoothing)
        found = found + penalty * weight.square().sum()
        torch.autograd.backward(found)
        return found

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return weight.detach(), bias.detach()


@torch.no_grad()
def fit_heads(
    config: TrainConfig, state: TrainState, most: int, tick: Callable[[int, int], None]
) -> dict[str, float]:
    """Give every linear classifier of a state what fits the features of its network.

    Batch norms get the statistics of these images first, as in training. The images are the first
    of the first epoch, whole and not varied. Every process computes the same.

    Args:
        config: what the run computes.
        state: before its first step, with the weights that it starts from.
        most: training images, at most.
        tick: called with the number of images done, and of all.

    Returns:
        Classifier -> share of the validation images that it names right, "main" last.
    """
    model, how = state.average, config.preprocessing
    order = config.train.order(config.seed, 0)[:most]
    chosen = [order[start : start + _BATCH] for start in range(0, len(order), _BATCH)]
    cropping = Cropping(how=_WHOLE, side=config.net.image[1], seed=config.seed, epoch=0)
    labels, every = list[Tensor](), len(order) + len(config.val)

    def batches(count: int) -> Iterator[Tensor]:
        config.train.expect(chosen[:count], cropping)
        for indices in chosen[:count]:
            images, own = load_batch(config, indices, cropping)
            labels.append(own.cpu())
            yield images

    with config.autocast():  # the network is about to see the norms of these images
        renew_norms(model, batches(_RENEWED), still=list(frozen_parts(model, config.recipe)))
        labels.clear()
        train = features(model, batches(len(chosen)), lambda done: tick(done, every))
        parts = (network_input(model, how, part) for part in config.val.pixels.split(_BATCH))
        val = features(model, parts, lambda done: tick(len(order) + done, every))
    scores: dict[str, float] = {}
    for buffer, renewed in zip(state.model.buffers(), model.buffers(), strict=True):
        buffer.copy_(renewed)
    for name, layer in linear_heads(model).items():
        fitted = fit(
            (train[name], torch.cat(labels)),
            (val[name], config.val.labels),
            classes=layer.out_features,
            smoothing=config.recipe.loss.label_smoothing,
        )
        for own in (layer, linear_heads(state.model)[name]):
            own.weight.copy_(fitted.weight)
            own.bias.copy_(fitted.bias)
            config.processes.broadcast_tensors([own.weight, own.bias])
        scores[name] = fitted.top1
    return scores


def refit_images(config: TrainConfig) -> int:
    """How many training images exits are fitted to at the end of a run, at most; 0 for none.

    So few that fitting takes seconds, however many classes there are.
    """
    net = config.net
    sizes = {
        step.at: step.input.cells * step.op.out
        for step in steps(net)
        if isinstance(step.op, Linear) and step.op.classifier
    }
    main = any(at.startswith("head") for at in sizes)
    if not config.recipe.loss.refit_exits or not main or len(sizes) < 2:
        return 0
    return min(len(config.train), _REFITTED_ON, _MOST_WORK // max(sizes.values()))


@torch.no_grad()
def refit_exits(
    config: TrainConfig, state: TrainState, tick: Callable[[int, int], None]
) -> dict[str, tuple[float, float]]:
    """Refit the exits of a trained network to what its main classifier answers.

    The features are those of training images as the network will see images: at the side of its
    input, moved or cut a little, not distorted. An exit keeps its classifier where a new one is no
    better on the validation images. Every process computes the same, and so does a resumed run.

    Args:
        config: what the run computes.
        state: after its last step; `kept` is changed.
        tick: called with the number of images done, and of all.

    Returns:
        Exit -> share of the validation images that it named right before, and names right now;
        nothing where there are no exits, or the run was too short to be worth it.

    Sources:
        Soft targets: Hinton et al. 2015, arXiv:1503.02531. Classifiers at the side in use: Touvron
        et al. 2019, arXiv:1906.06423.
    """
    model, layers = state.kept, linear_heads(state.kept)
    count = min(refit_images(config), round(_REFIT_SHARE * state.step * config.batch))
    if "main" not in layers or count < _LEAST_PER_CLASS * layers["main"].out_features:
        return {}
    epoch = -(-state.step // config.steps_per_epoch)  # the one that would follow
    order, how = config.train.order(config.seed, epoch)[:count], config.recipe.augmentation
    if isinstance(how.crop, RandomCrop):
        how = replace(how, crop=RandomCrop(area_low=max(how.crop.area_low, _REFIT_AREA)))
    how = replace(how, policy=None, erasing=0.0)
    cropping = Cropping(how=how, side=config.net.image[1], seed=config.seed, epoch=epoch)
    chosen = [order[start : start + _BATCH] for start in range(0, len(order), _BATCH)]
    config.train.expect(chosen, cropping)
    every = len(order) + len(config.val)
    images = (load_batch(config, indices, cropping)[0] for indices in chosen)
    train = features(model, images, lambda done: tick(done, every))
    pixels = config.val.pixels.split(_BATCH)
    parts = (network_input(model, config.preprocessing, part) for part in pixels)
    val = features(model, parts, lambda done: tick(len(order) + done, every))
    main = layers.pop("main")
    answers = _scores(main, train["main"]).softmax(1)
    found: dict[str, tuple[float, float]] = {}
    for name, layer in layers.items():
        right = _scores(layer, val[name]).argmax(1) == config.val.labels
        before = float(right.float().mean())
        fitted = fit(
            (train[name], answers),
            (val[name], config.val.labels),
            classes=layer.out_features,
            penalties=(1.0 / len(order),),  # one: val, which chooses policies, decides little here
        )
        if fitted.top1 > before:
            layer.weight.copy_(fitted.weight)
            layer.bias.copy_(fitted.bias)
        # every process takes part, also one whose rounding decided otherwise
        config.processes.broadcast_tensors([layer.weight, layer.bias])
        found[name] = before, max(before, fitted.top1)
    return found


def _scores(layer: nn.Linear, read: Tensor) -> Tensor:
    """What a classifier gives for features (images, features), on the CPU."""
    weight, bias = (tensor.detach().float().cpu() for tensor in (layer.weight, layer.bias))
    return torch.addmm(bias, read, weight.T)
