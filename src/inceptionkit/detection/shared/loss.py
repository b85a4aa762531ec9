"""What a detector with shared features is trained on: which anchor and region is which object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, smooth_l1_loss

from inceptionkit.detection.shared.coding import coverage, encode, iou
from inceptionkit.detection.shared.network import DetectorNet, Seen

IGNORED = -1
"""Label of what counts neither as an object nor as background: difficult ones, cut-off ones."""

AMONG = 512  # likeliest anchors that are looked at, at least; half as many as in prediction
_SURE, _NONE = 0.6, 0.4  # IoU from which an anchor is an object's, and up to which it is nobody's
_NEAREST, _NEAR = 6, 0.25  # an object's anchors at least, if their IoU is that
_COVERED = 0.5  # share in an object that is left out, from which an anchor or region is, too
_FOREGROUND = 0.5  # IoU from which a region is an object's
_BETA = 1 / 9  # coded differences up to which their loss is a square
_ALPHA, _GAMMA = 0.25, 2.0  # of the focal loss
_EMPTY = 0.2  # weight of the rejecter's loss
_MISSED = 4.0  # times as bad to reject an area with an object as to keep an empty one


@dataclass(frozen=True, slots=True)
class Targets:
    """The objects of some images, as many places for each image as the fullest one needs."""

    boxes: Tensor  # (batch, places, 4), pixels of the working size; 0 where there is none
    labels: Tensor  # (batch, places) int64, from 0; IGNORED for no object and for those left out

    def to(self, device: str) -> Targets:
        """The same on a device."""
        return Targets(self.boxes.to(device), self.labels.to(device))


class Losses(NamedTuple):
    """Parts of the loss, scalars; `total` is what is minimized."""

    objectness: Tensor
    anchor_shifts: Tensor
    classes: Tensor
    region_shifts: Tensor
    emptiness: Tensor

    def total(self) -> Tensor:
        """Their sum, as they are weighted."""
        return torch.stack(self).sum()


def detection_loss(model: DetectorNet, seen: Seen, targets: Targets) -> Losses:
    """The loss of some images.

    Every anchor counts, by the focal loss, and every proposal: nothing is sampled, so that nothing
    is drawn. The objects themselves are regions, too, so that the classifier has some from the
    first step on.

    Args:
        model: gives what it says of regions.
        seen: what it said of the images.
        targets: their objects.

    Sources:
        Multi-task loss: Girshick 2015, arXiv:1504.08083, section 2.3, and arXiv:1506.01497,
        section 3.1.2. Focal loss: Lin et al. 2017, arXiv:1708.02002, section 3.
    """
    objectness, anchor_shifts = _anchor_losses(model.anchors(seen.features), seen, targets)
    design = model.design
    proposed = model.propose(seen, design.proposals, among=max(AMONG, design.among // 2)).boxes
    regions = torch.cat([proposed, targets.boxes], 1)
    classes, region_shifts = _region_losses(model, seen, regions, targets)
    return Losses(
        objectness, anchor_shifts, classes, region_shifts, _EMPTY * _emptiness(model, seen, targets)
    )


def assign(anchors: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    """Which object each anchor belongs to.

    Those whose IoU with an object is high, and the nearest few of every object that counts, but
    for those that are sure to be another's.

    Returns:
        (batch, anchors) place of the object among the targets; and 1 for an anchor that is an
        object's, 0 for one that is nobody's, IGNORED for what lies between or in an object that is
        left out.
    """
    there = targets.boxes[..., 2] > targets.boxes[..., 0]
    overlap = torch.where(there[..., None], iou(targets.boxes, anchors), 0.0)
    nearest = overlap.topk(min(_NEAREST, len(anchors))).indices
    chosen = torch.zeros_like(overlap).scatter_(-1, nearest, 1.0) * (overlap >= _NEAR)
    chosen *= (overlap.amax(1, keepdim=True) < _SURE) | (overlap >= _SURE)
    chosen *= (targets.labels != IGNORED)[..., None]
    best, place = (overlap + chosen).max(1)
    sort = torch.full_like(place, IGNORED)
    sort[overlap.amax(1) < _NONE] = 0
    sort[best >= _SURE] = 1
    sort[(sort == 1) & (targets.labels.gather(1, place) == IGNORED)] = IGNORED
    sort[(sort == 0) & _left_out(anchors, targets)] = IGNORED
    return place, sort


def _left_out(boxes: Tensor, targets: Targets) -> Tensor:
    """(batch, boxes) whether boxes lie in an object that is left out, a crowd for example."""
    inside = coverage(targets.boxes, boxes) >= _COVERED
    return (inside & (targets.labels == IGNORED)[..., None]).any(1)


def _anchor_losses(anchors: Tensor, seen: Seen, targets: Targets) -> tuple[Tensor, Tensor]:
    place, sort = assign(anchors, targets)
    mine = sort == 1
    count = mine.sum().clamp(min=1)
    wanted = mine.to(seen.objectness.dtype)
    plain = binary_cross_entropy_with_logits(seen.objectness, wanted, reduction="none")
    sure = seen.objectness.sigmoid()
    wrong = torch.where(mine, 1 - sure, sure)
    weight = torch.where(mine, _ALPHA, 1 - _ALPHA) * wrong**_GAMMA * (sort != IGNORED)
    boxes = targets.boxes.gather(1, place.unsqueeze(-1).expand(-1, -1, 4))
    coded = encode(boxes[mine], anchors.expand(len(mine), -1, -1)[mine])
    shifts = smooth_l1_loss(seen.shifts[mine], coded, beta=_BETA, reduction="sum")
    return (weight * plain).sum() / count, shifts / (4 * count)


def _region_losses(
    model: DetectorNet, seen: Seen, regions: Tensor, targets: Targets
) -> tuple[Tensor, Tensor]:
    said = model.regions(seen.features, regions)
    overlap, place = iou(regions, targets.boxes).max(2)
    objects = overlap >= _FOREGROUND
    labels = torch.where(objects, 1 + targets.labels.gather(1, place), 0)
    labels[objects & (labels == 1 + IGNORED)] = IGNORED
    labels[~objects & _left_out(regions, targets)] = IGNORED
    labels[regions[..., 2] <= regions[..., 0]] = IGNORED  # places without an object
    of_regions = cross_entropy(
        said.classes.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="sum"
    )
    classes = of_regions / (labels != IGNORED).sum().clamp(min=1)
    mine = labels > 0
    boxes = targets.boxes.gather(1, place.unsqueeze(-1).expand(-1, -1, 4))
    shifts = smooth_l1_loss(
        said.shifts[mine], encode(boxes[mine], regions[mine]), beta=_BETA, reduction="sum"
    )
    return classes, shifts / (4 * mine.sum().clamp(min=1))


def _emptiness(model: DetectorNet, seen: Seen, targets: Targets) -> Tensor:
    """Loss of the rejecter: an area is occupied where any object, left out or not, reaches in."""
    down, right = seen.occupied.shape[1:]
    boxes, per_pixel = targets.boxes, model.area_scale
    rows, columns = (torch.arange(count, device=boxes.device) for count in (down, right))
    y1, y2 = (boxes[..., at, None] * per_pixel[0] for at in (1, 3))
    x1, x2 = (boxes[..., at, None] * per_pixel[1] for at in (0, 2))
    vertical, horizontal = (rows < y2) & (rows + 1 > y1), (columns < x2) & (columns + 1 > x1)
    occupied = (vertical[..., :, None] & horizontal[..., None, :]).any(1)
    logits = seen.occupied.float()
    return binary_cross_entropy_with_logits(
        logits, occupied.to(logits.dtype), pos_weight=logits.new_tensor(_MISSED)
    )
