"""The network of a detector with shared features."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import dropout, interpolate, max_pool2d

from inceptionkit.detection.shared.coding import anchor_grid, clip, decode
from inceptionkit.detection.shared.design import NORM_EPS, OVERLAP, Design
from inceptionkit.detection.shared.nms import suppress
from inceptionkit.detection.shared.roi_align import roi_align
from inceptionkit.network import build

PRIOR = 0.01  # share of anchors with an object, before anything is learned
DROPOUT = 0.3  # of the layer between a region and its class, in training
COARSE = 4  # cells of the rejecter's block along a side of an area that it judges


class Seen(NamedTuple):
    """What the trunk and the layers on it say of images."""

    features: Tensor  # (batch, channels, rows, columns)
    occupied: Tensor  # (batch, areas down, areas right), logits that something is there
    objectness: Tensor  # (batch, anchors), logits
    shifts: Tensor  # (batch, anchors, 4), coded around the anchors


class Proposals(NamedTuple):
    """Regions that may hold an object, the likeliest first."""

    boxes: Tensor  # (batch, regions, 4), pixels; 0 where an image has fewer
    objectness: Tensor  # (batch, regions), logits; -inf where an image has fewer


class Regions(NamedTuple):
    """What is said of regions."""

    classes: Tensor  # (batch, regions, 1 + classes), logits; background first
    shifts: Tensor  # (batch, regions, 4), coded around the regions


class DetectorNet(nn.Module):
    """Trunk, a proposer on every cell of its features, and a small network for regions.

    Attributes:
        design: what it was built from.
        classes: number of classes, without background.
        grid_scale: cells of the features per pixel, down and to the right.
        cell_scale: cells of the rejecter's block per pixel, likewise.
        area_scale: areas that the rejecter judges per pixel, likewise.
    """

    def __init__(self, design: Design, classes: int, *, seed: int | None = 0) -> None:
        super().__init__()
        self.design, self.classes = design, classes
        trunk = build(design.net, seed=seed or 0, weights_follow=seed is None).trunk
        self.trunk = nn.ModuleDict({name: trunk[name] for name, _ in design.blocks()})
        wide, anchors = design.channels, len(design.anchors)
        self.laterals = nn.ModuleDict(
            {tap: _convolution(design.signal(tap).channels, wide, 1, relu=False)
             for tap in design.taps}
        )  # fmt: skip
        self.smooth = _convolution(wide, wide, 3)
        self.rejecter = nn.Conv2d(design.signal(design.rejecter).channels, 1, 1)
        self.proposer = _convolution(wide, wide, 3)
        self.objectness = nn.Conv2d(wide, anchors, 1)
        self.shifts = nn.Conv2d(wide, 4 * anchors, 1)
        self.hidden = nn.Linear(wide * design.grid**2, design.hidden)
        self.classifier = nn.Linear(design.hidden, 1 + classes)
        self.corrector = nn.Linear(design.hidden, 4)
        if seed is not None:
            self._initialize(seed)
        self.grid_scale, self.cell_scale = (
            (rows / design.size[0], columns / design.size[1])
            for rows, columns in (design.signal(b).size for b in (design.taps[0], design.rejecter))
        )
        self.area_scale = self.cell_scale[0] / COARSE, self.cell_scale[1] / COARSE
        grid, sides = design.signal(design.taps[0]).size, torch.tensor(design.anchors)
        around = anchor_grid(grid, self.grid_scale, sides).view(*grid, anchors, 4)
        self.register_buffer("_anchors", around, persistent=False)
        self._anchors: Tensor

    def anchors(self, features: Tensor) -> Tensor:
        """(anchors, 4) boxes around every cell of features, in pixels from where these begin."""
        rows, columns = features.shape[2:]
        return self._anchors[:rows, :columns].flatten(0, 2)

    def covered(self, features: Tensor) -> tuple[int, int]:
        """Height and width in pixels that features cover."""
        down, right = self.grid_scale
        return round(features.shape[2] / down), round(features.shape[3] / right)

    def forward(self, images: Tensor) -> Seen:
        """What the trunk and the layers on it say.

        Args:
            images: (batch, 3, *design.size), float, normalized.
        """
        x, occupied = self.early(images)
        return self.late(x, occupied)

    def early(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Run the trunk up to the rejecter's block; its features, and the rejecter's logits."""
        x = images
        for name, block in self.trunk.items():
            x = block(x)
            if name == self.design.rejecter:
                break
        scores = self.rejecter(x.detach())  # it reads the trunk, and does not change it
        return x, max_pool2d(scores, COARSE, ceil_mode=True).squeeze(1)

    def late(self, x: Tensor, occupied: Tensor) -> Seen:
        """Run what follows the rejecter's block."""
        design, taps = self.design, list[Tensor]()
        names = list(self.trunk)
        first = names.index(design.rejecter)
        for name in names[first:]:
            x = x if name == design.rejecter else self.trunk[name](x)
            if name in design.taps:
                taps.append(self.laterals[name](x))
        fused, *coarser = taps
        for each in coarser:
            fused = fused + interpolate(each, size=fused.shape[2:])
        features = self.smooth(torch.relu(fused))
        proposed = self.proposer(features)
        objectness = self.objectness(proposed).permute(0, 2, 3, 1).flatten(1)
        shifts = self.shifts(proposed).permute(0, 2, 3, 1).reshape(len(x), -1, 4)
        return Seen(features, occupied, objectness.float(), shifts.float())

    def regions(self, features: Tensor, boxes: Tensor) -> Regions:
        """Classify regions and correct their boxes.

        Args:
            features: (batch, channels, rows, columns), as `forward` gives.
            boxes: (batch, regions, 4), pixels of the working size.
        """
        grid = (self.design.grid, self.design.grid)
        pooled = roi_align(features, boxes, grid, self.grid_scale)
        hidden = torch.relu(self.hidden(pooled.permute(0, 1, 3, 4, 2).flatten(2)))
        hidden = dropout(hidden, DROPOUT, self.training)
        return Regions(self.classifier(hidden).float(), self.corrector(hidden).float())

    @torch.no_grad()
    def propose(self, seen: Seen, most: int, *, among: int) -> Proposals:
        """The regions that most likely hold an object, after non-maximum suppression.

        Args:
            seen: of some images.
            most: regions of an image.
            among: best anchors of an image that are looked at.
        """
        count = min(among, seen.objectness.shape[1])
        logits, best = seen.objectness.topk(count)
        shifts = seen.shifts.gather(1, best.unsqueeze(-1).expand(-1, -1, 4))
        around = self.anchors(seen.features)[best]
        boxes = clip(decode(shifts, around), self.covered(seen.features))
        found = boxes.new_zeros(len(boxes), most, 4)
        objectness = logits.new_full((len(boxes), most), -math.inf)
        ranks = torch.arange(count, 0, -1, device=boxes.device)  # they are sorted already
        for number, each in enumerate(boxes):
            kept = suppress(each, ranks, OVERLAP)[:most]
            found[number, : len(kept)] = each[kept]
            objectness[number, : len(kept)] = logits[number, kept]
        return Proposals(found, objectness)

    @torch.no_grad()
    def _initialize(self, seed: int) -> None:
        """Draw the weights of what stands on the trunk."""
        generator = Generator().manual_seed(seed)
        outputs = (self.rejecter, self.objectness, self.shifts, self.classifier, self.corrector)
        for name, part in self.named_modules():
            if name.startswith("trunk") or not isinstance(part, nn.Conv2d | nn.Linear):
                continue
            fan_in = part.weight[0].numel()
            std = 0.01 if part in outputs else math.sqrt(2 / fan_in)
            part.weight.normal_(0, std, generator=generator)
            if part.bias is not None:
                part.bias.zero_()
        self.objectness.get_parameter("bias").fill_(-math.log((1 - PRIOR) / PRIOR))


def _convolution(channels: int, out: int, kernel: int, *, relu: bool = True) -> nn.Sequential:
    parts: OrderedDict[str, nn.Module] = OrderedDict(
        conv=nn.Conv2d(channels, out, kernel, padding=kernel // 2, bias=False),
        bn=nn.BatchNorm2d(out, eps=NORM_EPS),
    )
    if relu:
        parts["relu"] = nn.ReLU(inplace=True)
    return nn.Sequential(parts)
