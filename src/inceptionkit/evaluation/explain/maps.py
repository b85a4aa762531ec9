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

Method: TypeAlias = Literal["cam", "gradcam", "occlusion"]
_METHODS: tuple[Method, ...] = ("cam", "gradcam", "occlusion")
_WINDOW = 4  # the occluding window is a 4th of the image's side
_STARTS = 9  # places of the window along a side
_OCCLUDED_BATCH = 64  # occluded images that run together


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What one exit sees in one image."""

    exit: str
    method: Method
    map: NDArray[np.float32]  # (rows, columns); what speaks for the class is positive
    probabilities: NDArray[np.float32]  # (classes,) of this exit


@dataclass(frozen=True, slots=True)
class SplitHead:
    """A classifier taken apart where it averages over the grid."""

    before: nn.Module  # up to the average: gives the features, (batch, channels, rows, columns)
    after: nn.Linear | None  # None where the features are the classes' maps


def split_head(head: nn.Module) -> SplitHead | None:
    """Take a head apart if its map is exact; None if other layers stand between.

    Exact are a global average before the only linear layer (Zhou et al. 2016), and one at the end
    that averages one map per class (Network in Network). Dropout is ignored: it is off in use.
    """
    parts = list(head.children()) if isinstance(head, nn.Sequential) else [head]
    places = [i for i, part in enumerate(parts) if isinstance(part, GlobalAverage)]
    if len(places) != 1:
        return None
    before = nn.Sequential(*parts[: places[0]])
    after = [part for part in parts[places[0] + 1 :] if not isinstance(part, nn.Dropout)]
    if not after:
        return SplitHead(before, None)
    linear = after[0].get_submodule("fc") if hasattr(after[0], "fc") else None
    if len(after) > 1 or not isinstance(linear, nn.Linear) or hasattr(after[0], "relu"):
        return None
    return SplitHead(before, linear)


def evidence_maps(
    model: InceptionNet,
    images: Tensor,
    classes: Sequence[int],
    exits: Sequence[str],
    method: Method,
) -> list[list[Evidence]]:
    """Heat maps of some exits for some images.

    Args:
        model: in evaluation mode.
        images: (images, 3, size, size), normalized.
        classes: the class to explain, for each image.
        exits: names, "main" for the head.
        method: "cam" is exact where the head allows it; other heads get Grad-CAM.

    Returns:
        For each image, one map per exit, in trunk order.

    Sources:
        CAM: Zhou et al. 2016, arXiv:1512.04150, equation 2. Grad-CAM: Selvaraju et al. 2017,
        arXiv:1610.02391, equations 1 and 2. Occlusion: Zeiler & Fergus 2013, arXiv:1311.2901,
        section 4.2.
    """
    wanted = torch.tensor(classes, device=images.device)
    rows: list[list[Evidence]] = [[] for _ in classes]
    x = images
    for stage in stages(model, exits):
        with torch.no_grad():
            x = stage.body(x)
            probabilities = stage.head(x).float().softmax(1).cpu().numpy()
        if stage.name not in exits:
            continue
        used, maps = method, torch.empty(0)
        match method, split_head(stage.head):
            case "occlusion", _:
                maps = _occlusion(model, images, wanted, stage.name)
            case "cam", SplitHead() as parts:
                maps = _class_activation(parts, x, wanted)
            case _:
                used, maps = "gradcam", _grad_cam(stage.head, x, wanted)
        arrays = maps.float().cpu().numpy()
        for row, array, shares in zip(rows, arrays, probabilities, strict=True):
            row.append(Evidence(stage.name, used, array, shares))
    return rows


@torch.no_grad()
def _class_activation(parts: SplitHead, features: Tensor, classes: Tensor) -> Tensor:
    """(images, rows, columns): what each cell adds to the class score: mean plus bias."""
    maps: Tensor = parts.before(features)
    if parts.after is None:
        return maps[torch.arange(len(maps)), classes]
    weights: Tensor = parts.after.weight[classes][:, :, None, None]
    return (maps * weights).sum(1)


def _grad_cam(head: nn.Module, features: Tensor, classes: Tensor) -> Tensor:
    """(images, rows, columns): features weighted by the mean gradient of the score, cut at 0."""
    leaf = features.detach().clone().requires_grad_()
    with torch.enable_grad():
        scores = head(leaf)
        scores[torch.arange(len(scores)), classes].sum().backward()
    if leaf.grad is None:
        return torch.zeros_like(leaf[:, 0])
    weights = leaf.grad.mean((2, 3), keepdim=True)
    return (weights * leaf.detach()).sum(1).relu()


@torch.no_grad()
def _occlusion(model: InceptionNet, images: Tensor, classes: Tensor, name: str) -> Tensor:
    """(images, size, size): how much the probability falls when a window of grey covers a pixel.

    It is the mean over all windows that cover the pixel; negative where the probability rises.
    """
    size = images.shape[2]
    window = max(1, size // _WINDOW)
    starts = np.linspace(0, size - window, _STARTS).round().astype(int).tolist()
    places = [
        (slice(top, top + window), slice(left, left + window)) for top in starts for left in starts
    ]
    total = torch.zeros(len(images), size, size, device=images.device)
    windows = torch.zeros(size, size, device=images.device)
    for rows, columns in places:
        windows[rows, columns] += 1
    for number, (image, wanted) in enumerate(zip(images, classes.tolist(), strict=True)):
        covered = image.repeat(len(places), 1, 1, 1)
        for copy, (rows, columns) in zip(covered, places, strict=True):
            copy[:, rows, columns] = 0.0  # grey, as images are normalized
        whole = _probability(model, image[None], name, wanted)
        falls = whole - _probability(model, covered, name, wanted)
        for fall, (rows, columns) in zip(falls, places, strict=True):
            total[number, rows, columns] += fall
    return total / windows


def _probability(model: InceptionNet, images: Tensor, name: str, wanted: int) -> Tensor:
    """(images,) probability of one class at one exit."""
    exits = () if name == "main" else (name,)
    parts = []
    for some in torch.split(images, _OCCLUDED_BATCH):
        logits = model(some.contiguous(memory_format=torch.channels_last), exits=exits)
        scores = logits.main if name == "main" else logits.exits[name]
        parts.append(scores.float().softmax(1)[:, wanted])
    return torch.cat(parts)
