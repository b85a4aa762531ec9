"""What decides an R-CNN besides its classifiers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from inceptionkit.detection.proposals.selective_search import SelectiveSearch
from inceptionkit.records import Between


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionSettings:
    """How regions are chosen, warped and answered for.

    Attributes:
        context: border around a region, share of the side of what the classifier sees; R-CNN's 16
            of 227 pixels.
        positive: IoU with an object from which a region shows it.
        negative: IoU with every object up to which a region is background.
        per_image: regions of an image that the classifier learns from, about.
        positive_share: of them.
        most_per_object: regions that show one object.
        scales: of the superpixels; twice the published ones, as for GoogLeNet.
        proposals: of an image, at most; those of all sources together.
        same: IoU above which the worse of two boxes of one class is dropped.
        least_score: boxes below are dropped.
        most_boxes: of an image.
    """

    context: Annotated[float, Between(0.0, 0.4)] = 16 / 227
    positive: Annotated[float, Between(0.0, 1.0)] = 0.6
    negative: Annotated[float, Between(0.0, 1.0)] = 0.4
    per_image: Annotated[int, Between(4, 10_000)] = 96
    positive_share: Annotated[float, Between(0.05, 0.95)] = 0.4
    most_per_object: Annotated[int, Between(1, 1_000)] = 12
    scales: tuple[Annotated[float, Between(1, 10_000)], ...] = (100.0, 200.0)
    proposals: Annotated[int, Between(1, 20_000)] = 1000
    same: Annotated[float, Between(0.0, 1.0)] = 0.3
    least_score: Annotated[float, Between(0.0, 1.0)] = 0.02
    most_boxes: Annotated[int, Between(1, 10_000)] = 100

    @property
    def search(self) -> SelectiveSearch:
        """How regions are proposed."""
        return SelectiveSearch(scales=self.scales, most=self.proposals)
