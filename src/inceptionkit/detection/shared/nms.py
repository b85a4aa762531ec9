"""Non-maximum suppression of many boxes at once, without a loop over them."""

from __future__ import annotations

import torch
from torch import Tensor

from inceptionkit.detection.shared.coding import iou


def suppress(boxes: Tensor, scores: Tensor, most: float, labels: Tensor | None = None) -> Tensor:
    """Greedy non-maximum suppression, of each class for itself where there are labels.

    A box stays unless one that stays, of its class and with a higher score, overlaps it by more
    than `most`. The rule is applied to all boxes at once until nothing changes. By then the first
    box is right, then those that only it could drop, and so on: the result is that of the greedy
    loop, in as many rounds as the longest chain of boxes that drop each other.

    Args:
        boxes: (n, 4).
        scores: (n,); of equal ones the first box wins.
        most: IoU.
        labels: (n,), class of each box; None for one class.

    Returns:
        Indices of what stays, the highest score first.
    """
    order = scores.argsort(descending=True, stable=True)
    boxes = boxes[order]
    over = (iou(boxes, boxes) > most).triu(1)
    if labels is not None:
        over &= labels[order, None] == labels[order]
    drops = over.to(torch.float32)
    stays = torch.ones(len(order), device=boxes.device)
    while True:
        now = (stays @ drops == 0).to(torch.float32)
        if torch.equal(now, stays):
            return order[stays > 0]
        stays = now
