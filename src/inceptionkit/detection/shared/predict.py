"""Finding objects with a detector with shared features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from inceptionkit.data.transforms.pipeline import normalize
from inceptionkit.detection.shared.coding import clip, decode
from inceptionkit.detection.shared.design import AMONG, LEAST, MOST, PROPOSALS, SAME
from inceptionkit.detection.shared.fit import fill_of, fitted
from inceptionkit.detection.shared.network import COARSE, DetectorNet, Seen
from inceptionkit.detection.shared.nms import suppress
from inceptionkit.detection.types import Detections, Pixels, no_boxes
from inceptionkit.preprocess import Preprocessing


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the cells of the rejecter's block."""

    rows: slice
    columns: slice

    @property
    def cells(self) -> int:
        """How many cells it has."""
        return len(range(self.rows.stop)[self.rows]) * len(range(self.columns.stop)[self.columns])


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

    def detect(self, image: Pixels) -> Detections:
        """Find the objects of one image.

        Where `reject` says that the border of an image is empty, the rest of the network does not
        run there; where all of it is, it does not run at all.

        Args:
            image: (height, width, 3) uint8, RGB, upright.

        Returns:
            What is found, after non-maximum suppression, of any score from 0.01.
        """
        return self.detect_and_tell(image)[0]

    @torch.inference_mode()
    def detect_and_tell(self, image: Pixels) -> tuple[Detections, float]:
        """The same, and the share of the image's area that the whole network ran on."""
        pixels, scale = fitted(image, self.model.design.size, fill_of(self.preprocessing))
        x, occupied = self.model.early(self.prepared(pixels))
        whole = Window(slice(0, x.shape[2]), slice(0, x.shape[3]))
        kept = whole if self.reject is None else window(occupied[0] > self.reject, whole)
        if kept is None:
            return nothing(), 0.0
        x = x[:, :, kept.rows, kept.columns]
        boxes, labels, scores = found(self.model, self.model.late(x, occupied))
        down, right = self.model.cell_scale
        begin = boxes.new_tensor([kept.columns.start / right, kept.rows.start / down] * 2)
        boxes = clip((boxes + begin) / scale, (image.shape[0], image.shape[1]))
        inside = (boxes[:, 2:] > boxes[:, :2]).all(1)  # others lay on the border beside the image
        boxes, labels, scores = boxes[inside], labels[inside], scores[inside]
        of = (boxes.cpu().numpy(), labels.cpu().numpy(), scores.cpu().numpy())
        return Detections(*of, ("main",) * len(labels)), kept.cells / whole.cells

    def prepared(self, pixels: Pixels) -> Tensor:
        """(1, 3, height, width) as the network takes it, of an image of the working size."""
        x = torch.from_numpy(pixels).permute(2, 0, 1)[None]
        images = normalize(x, self.preprocessing.mean, self.preprocessing.std)
        return images.to(next(self.model.parameters()).device)


def nothing() -> Detections:
    """What is found where nothing is."""
    return Detections(no_boxes(), np.zeros(0, np.int64), np.zeros(0, np.float32), ())


def window(occupied: Tensor, whole: Window) -> Window | None:
    """The smallest part that holds every occupied area and its neighbors; None without any.

    Args:
        occupied: (areas down, areas right) bool.
        whole: all cells.
    """
    if not bool(occupied.any()):
        return None
    sides = []
    for axis, limit in ((1, whole.rows.stop), (0, whole.columns.stop)):
        places = occupied.any(axis).nonzero().flatten().tolist()
        first, last = max(0, places[0] - 1), places[-1] + 2
        sides.append(slice(COARSE * first, min(limit, COARSE * last)))
    return Window(*sides)


def found(model: DetectorNet, seen: Seen) -> tuple[Tensor, Tensor, Tensor]:
    """The objects of one image, or of a part of it.

    Args:
        model: classifies regions.
        seen: of one image.

    Returns:
        (n, 4) boxes in pixels of the working size, (n,) labels, (n,) scores, the best first.
    """
    regions = model.propose(seen, PROPOSALS, among=AMONG)
    said = model.regions(seen.features, regions)
    boxes = clip(decode(said.shifts, regions), model.covered(seen.features))[0]
    scores = said.classes[0].softmax(1)[:, 1:]
    which, labels = torch.nonzero(scores >= LEAST, as_tuple=True)
    boxes, scores = boxes[which], scores[which, labels]
    kept = suppress(boxes, scores, SAME, labels)[:MOST]
    return boxes[kept], labels[kept], scores[kept]
