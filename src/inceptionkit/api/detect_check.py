"""`detect check`: look at annotations before a detector is trained on them."""

from __future__ import annotations

from collections import Counter
from dataclasses import KW_ONLY, asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

from inceptionkit.arguments import LISTENER
from inceptionkit.errors import DataError, OptionError
from inceptionkit.options import Argument, Option, verb
from inceptionkit.progress import Listener, Progress, Silence
from inceptionkit.results import Result, table

if TYPE_CHECKING:
    from inceptionkit.detection.proposals import Proposer, RecallPoint
    from inceptionkit.detection.types import DetectionSet


@dataclass(frozen=True)
class DetectCheckRequest:
    """Which annotations to check."""

    data: Annotated[
        str | Path, Argument("Images with boxes, as `detect train` takes them.", "DATA")
    ]
    _: KW_ONLY
    strict: Annotated[bool, Option("Treat findings as errors.")] = False
    recall: Annotated[
        int,
        Option(
            "Images in which to measure how many objects the proposals of `detect rcnn` cover.",
            "IMAGES",
            min=0,
        ),
    ] = 0
    proposer: Annotated[
        str | Path | None,
        Option("Run of `detect train`, whose proposals are measured, too, with --recall.", "RUN"),
    ] = None
    listener: Annotated[Listener | None, LISTENER] = None


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class DetectCheckResult(Result):
    """What is known of annotated images.

    Attributes:
        opened: the images, the findings, and what cannot be used.
        recall: of proposals, if it was asked for.
    """

    opened: DetectionSet
    recall: tuple[RecallPoint, ...]
    seconds: float

    @property
    def objects(self) -> dict[str, dict[str, int]]:
        """Class -> set -> objects; "all" for images in no set."""
        classes = self.opened.classes
        found: dict[str, Counter[str]] = {name: Counter() for name in classes}
        for image in self.opened.images:
            for label in image.labels.tolist():
                found[classes[label]][image.set or "all"] += 1
        return {name: dict(counts) for name, counts in found.items()}

    def to_json(self) -> dict[str, Any]:
        """What `detect check --json` prints."""
        opened = self.opened
        return {
            "layout": opened.layout,
            "images": len(opened) + len(opened.skipped),
            "usable": len(opened),
            "unusable": [{"path": one.name, "reason": one.reason} for one in opened.skipped],
            "without_objects": sum(not len(image) for image in opened.images),
            "classes": {name: sum(sets.values()) for name, sets in self.objects.items()},
            "objects": self.objects,
            "sets": dict(Counter(image.set or "all" for image in opened.images)),
            "findings": [asdict(one) for one in opened.findings],
            "notes": list(opened.notes),
            "recall": [asdict(one) for one in self.recall],
            "seconds": self.seconds,
        }

    def _repr_html_(self) -> str:
        rows = [(one.kind, one.name, one.detail) for one in self.opened.findings]
        return table(("finding", "file", "detail"), rows)


class DetectCheckError(DataError):
    """Annotations that `strict` does not let pass.

    Attributes:
        result: everything that was found.
    """

    def __init__(self, result: DetectCheckResult) -> None:
        self.result = result
        opened = result.opened
        wrong = [f"{one.name}: {one.detail}" for one in opened.findings]
        wrong += [f"{one.name}: {one.reason}" for one in opened.skipped]
        more = f" ({len(wrong)} in all)" if len(wrong) > 1 else ""
        super().__init__(f"{opened.address}: {wrong[0]}{more}; correct the annotations")


@verb(DetectCheckRequest)
def detect_check(request: DetectCheckRequest) -> DetectCheckResult:
    """Check annotations: boxes outside, reversed, without area, twice; classes; missing files.

    Nothing is written.

    Raises:
        DataError: there are no annotated images; or `strict` is set and something is wrong.
        WeightsError: the proposer is not there, or damaged.
    """
    from inceptionkit.detection.sources import open_detection

    if request.proposer is not None and not request.recall:
        msg = "--proposer only applies with --recall IMAGES"
        raise OptionError(msg)
    began, listener = monotonic(), request.listener or Silence()
    opened = open_detection(request.data)
    points = _recall(request, opened, listener) if request.recall else ()
    result = DetectCheckResult(opened=opened, recall=points, seconds=monotonic() - began)
    if request.strict and (opened.findings or opened.skipped):
        raise DetectCheckError(result)
    return result


def _recall(
    request: DetectCheckRequest, opened: DetectionSet, listener: Listener
) -> tuple[RecallPoint, ...]:
    """How many objects the proposals cover, of each source."""
    from inceptionkit.detection.rcnn.coverage import coverage

    proposer: Proposer | None = None
    if request.proposer is not None:
        from inceptionkit.detection.rcnn.proposer import load_proposer

        proposer = load_proposer(request.proposer)
    step = max(1, len(opened) // request.recall)
    images = opened.images[::step][: request.recall]

    def tick(done: int) -> None:
        listener.progress(Progress(what="proposing regions", done=done, total=len(images)))

    return coverage(images, proposer, tick)
