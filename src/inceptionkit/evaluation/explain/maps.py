"""Maps of evidence: how much each place of an image speaks for a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from inceptionkit.network import InceptionNet, stages
from inceptionkit.network.layers import GlobalAverage

Way: TypeAlias = Literal["cam", "gradcam", "occlusion"]
WAYS: tuple[Way, ...] = ("cam", "gradcam", "occlusion")
WINDOW = 4  # an occluding window is a 4th of the image's side
STARTS = 9  # places of the window along a side
AT_ONCE = 64  # occluded images that are run at once


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What one exit sees in one image."""

    exit: str
    way: Way
    map: NDArray[np.float32]  # (rows, columns); what speaks for the class is positive
    probabilities: NDArray[np.float32]  # (classes,) of this exit


@dataclass(frozen=True, slots=True)
class Reader:
    """A classifier taken apart where it averages over the grid."""

    before: nn.Module  # up to the average: gives the features, (batch, channels, rows, columns)
    after: nn.Linear | None  # None where the features are the classes' maps


def reader(head: nn.Module) -> Reader | None:
    """The parts of a head whose map is exact; None where something stands between them.

    Exact are a global average before the only linear layer (Zhou et al. 2016) and one at the end,
    of one map for each class (Network in Network). Dropout does nothing in use.
    """
    parts = list(head.children()) if isinstance(head, nn.Sequential) else [head]
    places = [i for i, part in enumerate(parts) if isinstance(part, GlobalAverage)]
    if len(places) != 1:
        return None
    before = nn.Sequential(*parts[: places[0]])
    after = [part for part in parts[places[0] + 1 :] if not isinstance(part, nn.Dropout)]
    if not after:
        return Reader(before, None)
    linear = after[0].get_submodule("fc") if hasattr(after[0], "fc") else None
    if len(after) > 1 or not isinstance(linear, nn.Linear) or hasattr(after[0], "relu"):
        return None
    return Reader(before, linear)


def explain(
    model: InceptionNet, images: Tensor, classes: Sequence[int], exits: Sequence[str], way: Way
) -> list[list[Evidence]]:
    """Maps of some exits for some images.

    Args:
        model: in evaluation mode.
        images: (images, 3, size, size), normalised.
        classes: for each image the class that is asked about.
        exits: names, "main" for the head.
        way: "cam" is exact where the head allows it, and Grad-CAM elsewhere.

    Returns:
        For each image, one map for each exit, in the order of the trunk.

    Sources:
        CAM: Zhou et al. 2016, arXiv:1512.04150, equation 2. Grad-CAM: Selvaraju et al. 2017,
        arXiv:1610.02391, equations 1 and 2. Occlusion: Zeiler & Fergus 2013, arXiv:1311.2901,
        section 4.2.
    """
    asked = torch.tensor(classes, device=images.device)
    rows: list[list[Evidence]] = [[] for _ in classes]
    x = images
    for stage in stages(model, exits):
        with torch.no_grad():
            x = stage.body(x)
            said = stage.head(x).float().softmax(1).cpu().numpy()
        if stage.name not in exits:
            continue
        used, maps = way, torch.empty(0)
        match way, reader(stage.head):
            case "occlusion", _:
                maps = occlusion(model, images, asked, stage.name)
            case "cam", Reader() as parts:
                maps = class_activation(parts, x, asked)
            case _:
                used, maps = "gradcam", gradients(stage.head, x, asked)
        for row, found, probabilities in zip(rows, maps.float().cpu().numpy(), said, strict=True):
            row.append(Evidence(stage.name, used, found, probabilities))
    return rows


@torch.no_grad()
def class_activation(parts: Reader, features: Tensor, classes: Tensor) -> Tensor:
    """What each cell adds to the score of the class: the mean of the map plus the bias is it.

    Args:
        parts: of the head.
        features: (images, channels, rows, columns), as the head reads them.
        classes: (images,)

    Returns:
        (images, rows, columns)
    """
    maps: Tensor = parts.before(features)
    if parts.after is None:
        return maps[torch.arange(len(maps)), classes]
    weights: Tensor = parts.after.weight[classes][:, :, None, None]
    return (maps * weights).sum(1)


def gradients(head: nn.Module, features: Tensor, classes: Tensor) -> Tensor:
    """Features weighed by the mean gradient of the class's score; what speaks against it is cut.

    Args and shapes as in `class_activation`, with the whole head.
    """
    leaf = features.detach().clone().requires_grad_()
    with torch.enable_grad():
        scores = head(leaf)
        scores[torch.arange(len(scores)), classes].sum().backward()
    if leaf.grad is None:
        return torch.zeros_like(leaf[:, 0])
    weights = leaf.grad.mean((2, 3), keepdim=True)
    return (weights * leaf.detach()).sum(1).relu()


@torch.no_grad()
def occlusion(model: InceptionNet, images: Tensor, classes: Tensor, name: str) -> Tensor:
    """How much the probability of the class falls when a place is covered with grey.

    Args:
        model: the network.
        images: (images, 3, size, size), normalised; 0 is grey.
        classes: (images,)
        name: of the exit, or "main".

    Returns:
        (images, size, size): the mean fall over all windows that cover a pixel, negative where the
        probability rises.
    """
    size = images.shape[2]
    window = max(1, size // WINDOW)
    starts = np.linspace(0, size - window, STARTS).round().astype(int).tolist()
    places = [
        (slice(top, top + window), slice(left, left + window)) for top in starts for left in starts
    ]
    found = torch.zeros(len(images), size, size, device=images.device)
    times = torch.zeros(size, size, device=images.device)
    for rows, columns in places:
        times[rows, columns] += 1
    for number, (image, asked) in enumerate(zip(images, classes.tolist(), strict=True)):
        covered = image.repeat(len(places), 1, 1, 1)
        for one, (rows, columns) in zip(covered, places, strict=True):
            one[:, rows, columns] = 0.0
        whole = probability(model, image[None], name, asked)
        falls = whole - probability(model, covered, name, asked)
        for fall, (rows, columns) in zip(falls, places, strict=True):
            found[number, rows, columns] += fall
    return found / times


def probability(model: InceptionNet, images: Tensor, name: str, asked: int) -> Tensor:
    """(images,) probability of one class at one exit."""
    exits = () if name == "main" else (name,)
    parts = []
    for some in torch.split(images, AT_ONCE):
        logits = model(some.contiguous(memory_format=torch.channels_last), exits=exits)
        scores = logits.main if name == "main" else logits.exits[name]
        parts.append(scores.float().softmax(1)[:, asked])
    return torch.cat(parts)
