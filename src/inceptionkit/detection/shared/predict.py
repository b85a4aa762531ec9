"""Finding objects with a detector with shared features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from inceptionkit.detection.shared.augment import fill_of, fitted
from inceptionkit.detection.shared.coding import clip, decode
from inceptionkit.detection.shared.network import DetectorNet, Seen
from inceptionkit.detection.shared.nms import suppress
from inceptionkit.detection.types import Detections, Pixels, no_boxes
from inceptionkit.network.normalize import normalize
from inceptionkit.preprocess import Preprocessing

PROPOSALS, AMONG = 100, 300  # of an image, and the anchors that they come from
LEAST, SAME, MOST = 0.01, 0.5, 100  # score; IoU of two boxes of one object; boxes of an image


@dataclass(frozen=True, eq=False)
class SharedDetector:
    """A trained detector; satisfies `detection.types.Detector`.

    Attributes:
        model: in evaluation mode.
        classes: names, in the order of the labels.
        preprocessing: mean and spread of the pixels.
        reject: logit up to which an area counts as empty; None to look everywhere.
    """

    model: DetectorNet
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    reject: float | None = None

    @torch.inference_mode()
    def detect(self, image: Pixels) -> Detections:
        """Find the objects of one image.

        Where `reject` says that an area is empty, the rest of the network does not run there.

        Args:
            image: (height, width, 3) uint8, RGB, upright.

        Returns:
            What is found, after non-maximum suppression, of any score from 0.01.
        """
        size = self.model.design.size
        pixels, scale = fitted(image, size, fill_of(self.preprocessing))
        x = torch.from_numpy(pixels).permute(2, 0, 1)[None]
        images = normalize(x, self.preprocessing.mean, self.preprocessing.std)
        seen = self.model(images.to(next(self.model.parameters()).device))
        boxes, labels, scores = found(self.model, seen)
        height, width = image.shape[:2]
        whole = clip(boxes / scale, (height, width)).cpu().numpy()
        if not len(whole):
            return Detections(no_boxes(), np.zeros(0, np.int64), np.zeros(0, np.float32), ())
        return Detections(whole, labels.cpu().numpy(), scores.cpu().numpy(), ("main",) * len(whole))


def found(model: DetectorNet, seen: Seen) -> tuple[Tensor, Tensor, Tensor]:
    """The objects of one image.

    Args:
        model: classifies regions.
        seen: of one image.

    Returns:
        (n, 4) boxes in pixels of the working size, (n,) labels, (n,) scores, the best first.
    """
    regions = model.propose(seen, PROPOSALS, among=AMONG)
    said = model.regions(seen.features, regions)
    boxes = clip(decode(said.shifts, regions), model.design.size)[0]
    scores = said.classes[0].softmax(1)[:, 1:]
    which, labels = torch.nonzero(scores >= LEAST, as_tuple=True)
    boxes, scores = boxes[which], scores[which, labels]
    kept = suppress(boxes, scores, SAME, labels)[:MOST]
    return boxes[kept], labels[kept], scores[kept]
