"""Training and scoring of the record's networks: one loop and one clock for all of them.

The recipe is airbench94_muon's: Muon on kernels, which are brought to the length sqrt(filters)
before a step; SGD on the rest; label smoothing; images moved by two pixels and mirrored in every
other epoch; rates that fall to zero along a line. hiverge/cifar10-speedrun rescales kernels more
rarely and decays them, adds a jitter of brightness and contrast, and gives more views to the least
confident test images only. All that are settings here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Any, Literal

import torch
from record_nets import RecordNet, macs
from torch import Tensor
from torch.nn.functional import cross_entropy, interpolate, pad

from inceptionkit.training.muon import orthogonal

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
MOVED = 2  # pixels
AT_ONCE = 500  # images that are scored together
UNSURE = 0.25  # share of the test images that get more views, where few do
TRAINING, VIEW = 6, 2  # operations for each multiply-add


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a network is trained, with the names of the sources' settings.

    Attributes:
        epochs: may end within one.
        batch: images in a step; the loss is their sum.
        muon_lr: of kernels.
        muon_momentum: of kernels, Nesterov's.
        newton_schulz: coefficients of the quintic.
        rescaled: steps from one rescaling of the kernels to the next, at first, and how many more
            there are at the end.
        kernel_decay: weight decay of kernels for each image of a step, times the rate.
        bias_lr: of the norms' and the stem's biases.
        head_lr: of the last layer.
        momentum: of what is not a kernel, Nesterov's.
        decay: weight decay for each image of a step, of what is not a kernel.
        smoothing: of labels.
        stem_epochs: in which the stem's bias learns.
        whitened: images whose patches the stem whitens.
        brightness: of the jitter, after normalizing; 0 for none.
        contrast: likewise.
        small: side of the images of the first `small_share` of the steps; 0 for none.
        small_share: share of the steps.
        views: of test images: six of all, or six of those that are least sure.
    """

    epochs: float = 8.0
    batch: int = 2000
    muon_lr: float = 0.24
    muon_momentum: float = 0.6
    newton_schulz: tuple[float, float, float] = (3.4445, -4.7750, 2.0315)
    rescaled: tuple[float, float] = (1, 0)
    kernel_decay: float = 0.0
    bias_lr: float = 0.053
    head_lr: float = 0.67
    momentum: float = 0.85
    decay: float = 2e-6
    smoothing: float = 0.2
    stem_epochs: float = 3.0
    whitened: int = 5000
    brightness: float = 0.0
    contrast: float = 0.0
    small: int = 0
    small_share: float = 0.0
    views: Literal["six", "unsure"] = "six"


class Muon:
    """Momentum whose direction has its singular values brought near 1, in three steps.

    Sources:
        Jordan et al. 2024, https://kellerjordan.github.io/posts/muon.
    """

    def __init__(self, kernels: list[Tensor], recipe: Recipe, steps: int) -> None:
        self.kernels, self.recipe, self.steps = kernels, recipe, steps
        self.momenta = [torch.zeros_like(one) for one in kernels]
        self.step_count = self.rescaled_at = 0

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """Move every kernel."""
        recipe, ahead = self.recipe, list[Tensor]()
        self.step_count += 1
        first, more = recipe.rescaled
        pause = first + int(more * self.step_count / self.steps)
        rescales = self.step_count - self.rescaled_at >= pause
        if rescales:
            self.rescaled_at = self.step_count
        for kernel, momentum in zip(self.kernels, self.momenta, strict=True):
            gradient = torch.zeros_like(kernel) if kernel.grad is None else kernel.grad
            momentum.mul_(recipe.muon_momentum).add_(gradient)
            ahead.append(gradient.add(momentum, alpha=recipe.muon_momentum))
            if rescales:
                kernel.mul_(len(kernel) ** 0.5 / kernel.norm())
        updates = orthogonal(ahead, 3, torch.bfloat16, recipe.newton_schulz)
        for kernel, update in zip(self.kernels, updates, strict=True):
            kernel.add_(update, alpha=-lr)
            kernel.mul_(1 - lr * recipe.kernel_decay * recipe.batch)


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """Normalized images and their labels."""

    pixels: Tensor  # (n, 3, 32, 32) float
    labels: Tensor  # (n,) int64


def normalized(pixels: Tensor) -> Tensor:
    """(n, 3, side, side) uint8 as the networks take it."""
    mean, std = (torch.tensor(each).view(3, 1, 1) for each in (MEAN, STD))
    return ((pixels / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


def epoch_of(images: Images, recipe: Recipe, number: int, rng: torch.Generator) -> Iterator[Images]:
    """Batches of an epoch, augmented; what is left over is dropped.

    Half of the images, the same in all epochs, are mirrored in even epochs, the others in odd ones.
    """
    order = torch.randperm(len(images.labels), generator=rng)
    mirrored = torch.rand(len(order), generator=torch.Generator().manual_seed(0)) < 0.5
    for start in range(0, len(order) - recipe.batch + 1, recipe.batch):
        chosen = order[start : start + recipe.batch]
        moved = shifted(images.pixels[chosen], rng)
        flip = mirrored[chosen] ^ bool(number % 2)
        moved = torch.where(flip.view(-1, 1, 1, 1), moved.flip(-1), moved)
        for width, add in ((recipe.brightness, True), (recipe.contrast, False)):
            if width:
                drawn = (2 * torch.rand(len(chosen), 1, 1, 1, generator=rng) - 1) * width
                moved = moved + drawn if add else moved * (1 + drawn)
        yield Images(moved.contiguous(memory_format=torch.channels_last), images.labels[chosen])


def shifted(pixels: Tensor, rng: torch.Generator) -> Tensor:
    """Images moved by up to `MOVED` pixels, the border reflected."""
    side = pixels.shape[-1]
    wide = pad(pixels, (MOVED,) * 4, "reflect")
    down, right = torch.randint(0, 2 * MOVED + 1, (2, len(pixels)), generator=rng)
    out = torch.empty_like(pixels)
    for y in range(2 * MOVED + 1):
        for x in range(2 * MOVED + 1):
            those = (down == y) & (right == x)
            out[those] = wide[those, :, y : y + side, x : x + side]
    return out


def fit(
    net: RecordNet,
    train: Images,
    recipe: Recipe,
    seed: int,
    said: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Train, and tell what it took: operations, seconds of the wall and of processors."""
    rng = torch.Generator().manual_seed(seed)
    began, cpu = perf_counter(), process_time()
    net.whiten(train.pixels[: recipe.whitened])
    net.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's stub
    per_epoch = len(train.labels) // recipe.batch
    steps, stem_steps = (math.ceil(n * per_epoch) for n in (recipe.epochs, recipe.stem_epochs))
    small_steps = round(recipe.small_share * steps) if recipe.small else 0
    per_image = {side: macs(net, side) for side in {32, recipe.small or 32}}
    muon = Muon([p for p in net.parameters() if p.ndim == 4 and p.requires_grad], recipe, steps)
    rest = optimizer_of_rest(net, recipe)
    work, step = 0.0, 0
    for number in range(math.ceil(recipe.epochs)):
        for batch in epoch_of(train, recipe, number, rng):
            if step == steps:
                break
            pixels = batch.pixels
            if step < small_steps:
                pixels = interpolate(pixels, recipe.small, mode="bilinear", antialias=True)
            with torch.autocast("cpu", torch.bfloat16):
                logits = net(pixels)
            loss = cross_entropy(
                logits.float(), batch.labels, label_smoothing=recipe.smoothing, reduction="sum"
            )
            torch.autograd.backward(loss)
            falls = 1 - step / steps
            rest.param_groups[0]["lr"] = recipe.bias_lr * max(0.0, 1 - step / stem_steps)
            rest.param_groups[1]["lr"] = recipe.bias_lr * falls
            rest.param_groups[2]["lr"] = recipe.head_lr * falls
            rest.step()
            muon.step(recipe.muon_lr * falls)
            net.zero_grad(set_to_none=True)
            work += TRAINING * per_image[pixels.shape[-1]] * len(pixels)
            step += 1
        said(f"epoch {number + 1}: loss {float(loss.detach()) / recipe.batch:.3f}")
    return {
        "steps": step, "train_flop": work, "train_seconds": perf_counter() - began,
        "train_cpu_seconds": process_time() - cpu,
    }  # fmt: skip


def optimizer_of_rest(net: RecordNet, recipe: Recipe) -> torch.optim.SGD:
    """SGD for the stem's bias, the norms' biases and the head, in this order."""
    decay = recipe.decay * recipe.batch
    norms = [p for name, p in net.named_parameters() if name.endswith("norm.bias")]
    groups = [
        {"params": [net.stem.bias], "lr": recipe.bias_lr, "weight_decay": decay / recipe.bias_lr},
        {"params": norms, "lr": recipe.bias_lr, "weight_decay": decay / recipe.bias_lr},
        {"params": [net.head.weight], "lr": recipe.head_lr, "weight_decay": decay / recipe.head_lr},
    ]
    return torch.optim.SGD(groups, lr=recipe.head_lr, momentum=recipe.momentum, nesterov=True)


@torch.inference_mode()
def scored(net: RecordNet, test: Images, recipe: Recipe) -> dict[str, Any]:
    """Accuracy of a single view and with more views, and what these took."""
    began, cpu = perf_counter(), process_time()
    net.eval()
    single = torch.cat([answers(net, part) for part in test.pixels.split(AT_ONCE)])
    logits, chosen = single.clone(), torch.arange(len(single))
    if recipe.views == "unsure":
        sure = single.softmax(1).amax(1)
        chosen = sure.topk(round(UNSURE * len(sure)), largest=False).indices
    for some in chosen.split(AT_ONCE):
        logits[some] = six_views(net, test.pixels[some], single[some], recipe)
    right = [(each.argmax(1) == test.labels).float().mean().item() for each in (single, logits)]
    return {
        "top1": right[0], "top1_views": right[1],
        "test_flop": VIEW * macs(net) * (len(single) + 5 * len(chosen)),
        "test_seconds": perf_counter() - began, "test_cpu_seconds": process_time() - cpu,
    }  # fmt: skip


def answers(net: RecordNet, images: Tensor) -> Tensor:
    """(n, classes) logits in bf16 arithmetic."""
    with torch.autocast("cpu", torch.bfloat16):
        logits: Tensor = net(images.contiguous(memory_format=torch.channels_last))
    return logits.float()


def six_views(net: RecordNet, images: Tensor, single: Tensor, recipe: Recipe) -> Tensor:
    """Mean logits of an image, of itself moved up-left and down-right, and of their mirror images.

    Where all images get six, the two in the middle count twice, as in airbench; else all alike.
    """
    side = images.shape[-1]
    wide = pad(images, (1,) * 4, "reflect")
    moved = [wide[:, :, at : at + side, at : at + side] for at in (0, 2)]
    middle = single, answers(net, images.flip(-1))
    others = [answers(net, view) for one in moved for view in (one, one.flip(-1))]
    if recipe.views == "six":
        return (middle[0] + middle[1]) / 4 + torch.stack(others).sum(0) / 8
    return torch.stack([*middle, *others]).mean(0)
