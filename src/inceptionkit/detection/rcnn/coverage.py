"""How many objects the proposals of `detect rcnn` cover, by their source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from inceptionkit.detection.proposals import Proposer, RecallPoint, joined, propose, recall
from inceptionkit.detection.proposals.recall import COUNTS, Source
from inceptionkit.detection.rcnn.settings import RegionSettings
from inceptionkit.detection.types import AnnotatedImage, Boxes
from inceptionkit.preprocess import UnusableImage


def coverage(
    images: Sequence[AnnotatedImage],
    proposer: Proposer | None,
    tick: Callable[[int], None] = lambda _: None,
) -> tuple[RecallPoint, ...]:
    """Recall of selective search as `detect rcnn` has it; with a proposer, its own and of both.

    Args:
        images: the truth. Those that cannot be decoded are left out.
        proposer: has learnt to propose.
        tick: called with the number of images done.
    """
    sources: tuple[Source, ...] = ("search",)
    if proposer is not None:
        sources = ("search", "learnt", "both")
    search, used = RegionSettings().search, list[AnnotatedImage]()
    found = {source: list[Boxes]() for source in sources}
    for done, image in enumerate(images, 1):
        with suppress(UnusableImage):
            pixels = image.pixels()
            searched = propose(pixels, search)
            found["search"].append(searched)
            used.append(image)
            if proposer is not None:
                learnt = proposer.proposals(pixels, search.most)
                found["learnt"].append(learnt)
                found["both"].append(joined(learnt, searched, search.most))
        tick(done)
    return tuple(
        point for source, boxes in found.items() for point in recall(used, boxes, COUNTS, source)
    )
