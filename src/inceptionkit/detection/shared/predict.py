"""Finding objects with a detector with shared features."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inceptionkit.data.transforms.pipeline import normalize
from inceptionkit.detection.boxes import clip as clip_array
from inceptionkit.detection.shared.coding import clip, decode
from inceptionkit.detection.shared.design import ANCHORS, LEAST, SAME
from inceptionkit.detection.shared.fit import fill_of, fitted
from inceptionkit.detection.shared.network import COARSE, DetectorNet, Seen
from inceptionkit.detection.shared.nms import suppress
from inceptionkit.detection.types import Boxes, Detections, Pixels, no_boxes
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


class Work(NamedTuple):
    """What was computed for an image."""

    area: float  # share of the image's area that the whole network ran on
    regions: int  # that were proposed
    skipped: int  # of those, regions that the proposer's exit answered


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """What is said of the regions of an image, before suppression.

    Attributes:
        objectness: (regions,) logits of all that were proposed, the likeliest first.
        classified: how many of them, from the first on, the network for regions looked at.
        regions: (n,) which of them each box is of.
        boxes: (n, 4), pixels of the working size.
        labels: (n,).
        scores: (n,), from 0.01 on.
    """

    objectness: Tensor
    classified: int
    regions: Tensor
    boxes: Tensor
    labels: Tensor
    scores: Tensor

    def at_exit(self, logit: float) -> Candidates:
        """The same, had the proposer's exit answered regions below a logit."""
        count = reaching(self.objectness, logit)
        kept = self.regions < count
        return Candidates(
            self.objectness, count, self.regions[kept], self.boxes[kept], self.labels[kept],
            self.scores[kept],
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """What a detector saw in one image.

    Attributes:
        size: height and width of the image.
        scale: (4,) pixels of the working size per pixel of the image, right and down, twice.
        begin: (4,) where the part that was looked at begins, pixels of the working size.
        area: share of the image's area that was looked at.
        candidates: what is there; None where the whole image counts as empty.
    """

    size: tuple[int, int]
    scale: NDArray[np.float32]
    begin: NDArray[np.float32]
    area: float
    candidates: Candidates | None

    def at_exit(self, logit: float) -> Scan:
        """The same, had the proposer's exit answered regions below a logit."""
        found = self.candidates
        return self if found is None else replace(self, candidates=found.at_exit(logit))

    def in_image(self, boxes: Tensor) -> tuple[Boxes, NDArray[np.bool_]]:
        """Boxes in pixels of the image, and which of them have an area there."""
        whole = (boxes.cpu().numpy() + self.begin) / self.scale
        inside = clip_array(whole, self.size)
        return inside, np.asarray((inside[:, 2:] > inside[:, :2]).all(1))

    def detections(self, most: int) -> Detections:
        """What is found, after non-maximum suppression: at most so many."""
        found = self.candidates
        if found is None:
            return nothing()
        kept = suppress(found.boxes, found.scores, SAME, found.labels)[:most]
        boxes, inside = self.in_image(found.boxes[kept])
        labels, scores = found.labels[kept].cpu().numpy(), found.scores[kept].cpu().numpy()
        of = (boxes[inside], labels[inside], scores[inside])
        return Detections(*of, ("main",) * int(inside.sum()))

    def work(self) -> Work:
        """What was computed."""
        found = self.candidates
        if found is None:
            return Work(self.area, 0, 0)
        count = len(found.objectness)
        return Work(self.area, count, count - found.classified)


@dataclass(frozen=True, eq=False)
class SharedDetector:
    """A trained detector; satisfies `detection.types.Detector`.

    Attributes:
        model: in evaluation mode.
        classes: names, in the order of the labels.
        preprocessing: mean and spread of the pixels.
        reject: logit up to which an area counts as empty; None to look everywhere.
        region_exit: logit below which a proposed region counts as background, and is not
            classified; None to classify all.
    """

    model: DetectorNet
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    reject: float | None = None
    region_exit: float | None = None

    def detect(self, image: Pixels) -> Detections:
        """Find the objects of one image.

        Where `reject` says that the border of an image is empty, the rest of the network does not
        run there; where all of it is, it does not run at all. Regions that `region_exit` answers
        are not classified.

        Args:
            image: (height, width, 3) uint8, RGB, upright.

        Returns:
            What is found, after non-maximum suppression, of any score from 0.01.
        """
        return self.detect_and_tell(image)[0]

    @torch.inference_mode()
    def detect_and_tell(self, image: Pixels) -> tuple[Detections, Work]:
        """The same, and what was computed for it."""
        scan = self.scan(image)
        return scan.detections(self.model.design.most), scan.work()

    @torch.inference_mode()
    def scan(self, image: Pixels) -> Scan:
        """What there is in one image, before suppression."""
        scan, seen = self._seen(image)
        if seen is None:
            return scan
        lowest = -math.inf if self.region_exit is None else self.region_exit
        return replace(scan, candidates=candidates(self.model, seen, lowest))

    @torch.inference_mode()
    def proposals(self, image: Pixels, most: int) -> Boxes:
        """The regions of one image that most likely hold an object, whichever it is.

        Args:
            image: (height, width, 3) uint8, RGB, upright.
            most: regions.

        Returns:
            (n, 4) boxes in pixels of the image, the likeliest first; each has an area.
        """
        scan, seen = self._seen(image)
        if seen is None:
            return no_boxes()
        among = max(self.model.design.among, ANCHORS * most)
        found = self.model.propose(seen, most, among=among)
        boxes, inside = scan.in_image(found.boxes[0])
        return boxes[inside]

    def _seen(self, image: Pixels) -> tuple[Scan, Seen | None]:
        """Where an image is looked at, and what the network says of it; None if it is empty."""
        pixels, scale = fitted(image, self.model.design.size, fill_of(self.preprocessing))
        x, occupied = self.model.early(self.prepared(pixels))
        whole = Window(slice(0, x.shape[2]), slice(0, x.shape[3]))
        kept = whole if self.reject is None else window(occupied[0] > self.reject, whole)
        size = (image.shape[0], image.shape[1])
        if kept is None:
            return Scan(size, scale, np.zeros(4, np.float32), 0.0, None), None
        down, right = self.model.cell_scale
        begin = np.array([kept.columns.start / right, kept.rows.start / down] * 2, np.float32)
        scan = Scan(size, scale, begin, kept.cells / whole.cells, None)
        return scan, self.model.late(x[:, :, kept.rows, kept.columns], occupied)

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


def reaching(objectness: Tensor, logit: float) -> int:
    """How many regions, of (regions,) logits that fall, are not below a logit; the first always."""
    return max(min(1, len(objectness)), int((objectness >= logit).sum()))


def candidates(model: DetectorNet, seen: Seen, region_exit: float) -> Candidates:
    """What is said of the regions of one image, or of a part of it.

    Args:
        model: classifies regions.
        seen: of one image.
        region_exit: logit below which a region is background; the likeliest one never is.
    """
    design = model.design
    proposed = model.propose(seen, design.proposals, among=design.among)
    objectness = proposed.objectness[0]
    objectness = objectness[objectness > -math.inf]
    count = reaching(objectness, region_exit)
    regions = proposed.boxes[:, :count]
    said = model.regions(seen.features, regions)
    boxes = clip(decode(said.shifts, regions), model.covered(seen.features))[0]
    scores = said.classes[0].softmax(1)[:, 1:]
    which, labels = torch.nonzero(scores >= LEAST, as_tuple=True)
    return Candidates(objectness, count, which, boxes[which], labels, scores[which, labels])
