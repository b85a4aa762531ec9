"""`detect evaluate`: how well a detector finds the objects of annotated images."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, Literal

from inceptionkit.arguments import DEVICE, LISTENER, REGION_EXIT
from inceptionkit.options import Argument, Option, verb
from inceptionkit.progress import Listener, Progress, Silence
from inceptionkit.results import Result, table

if TYPE_CHECKING:
    from inceptionkit.detection.metrics import Confusion, DetectionScores

DETECTOR = Argument("Folder of a detector, or of the run that trained it.", "DETECTOR")


@dataclass(frozen=True)
class DetectEvaluateRequest:
    """Which detector to evaluate, on which images."""

    model: Annotated[str | Path, DETECTOR]
    data: Annotated[
        str | Path, Argument("Images with boxes, as `detect train` takes them.", "DATA")
    ]
    _: KW_ONLY
    set: Annotated[
        Literal["train", "val", "test", "all"] | None,
        Option("Set to score.", default="test, or val, or all images", group="Data"),
    ] = None
    early_exit: Annotated[float | None, REGION_EXIT] = None
    out: Annotated[
        str | Path | None,
        Option("Page to write.", "PAGE.html", default="no page", group="Output"),
    ] = None
    device: Annotated[str | None, DEVICE] = None
    listener: Annotated[Listener | None, LISTENER] = None


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class DetectEvaluateResult(Result):
    """How well a detector does.

    Attributes:
        set: that was scored.
        scores: average precision as VOC and COCO define it.
        confusion: what is taken for what, among the boxes that are worth showing.
        show: score from which boxes are.
        images_per_second: that the detector looks at.
        unusable: name and reason of images that could not be decoded.
        page: that was written.
    """

    set: str
    scores: DetectionScores
    confusion: Confusion
    show: float
    seconds: float
    images_per_second: float
    unusable: tuple[tuple[str, str], ...]
    page: Path | None

    def to_json(self) -> dict[str, Any]:
        """What `detect evaluate --json` prints."""
        found = self.scores.to_json() | {"set": self.set, "show": self.show}
        found["confusion"] = self.confusion.counts.tolist()
        found["unusable"] = [{"path": name, "reason": why} for name, why in self.unusable]
        found |= {"seconds": self.seconds, "images_per_second": self.images_per_second}
        return found | ({} if self.page is None else {"page": str(self.page)})

    def _repr_html_(self) -> str:
        rows = [(one.name, one.ap50, one.ap) for one in self.scores.classes]
        return table(("class", "AP at IoU 0.5", "COCO AP"), rows)


@verb(DetectEvaluateRequest)
def detect_evaluate(request: DetectEvaluateRequest) -> DetectEvaluateResult:
    """Score a detector: average precision of each class as VOC and COCO define it, and confusion.

    Raises:
        WeightsError: there is no detector, or it is damaged.
        RecipeError: the device is not there.
        DataError: there are no annotated images, or their classes are not the detector's.
        RunError: the page cannot be written.
    """
    from inceptionkit.detection.find import find_in_set
    from inceptionkit.detection.held_out import divided_as_trained
    from inceptionkit.detection.load import load
    from inceptionkit.detection.metrics import confusion, score
    from inceptionkit.detection.page import Evaluated, write_page
    from inceptionkit.detection.sources import open_detection
    from inceptionkit.detection.sources.choose import choose_set, with_classes

    began, listener = monotonic(), request.listener or Silence()
    one = load(request.model, early_exit=request.early_exit, device=request.device)
    opened = divided_as_trained(Path(request.model), open_detection(request.data))
    opened = with_classes(opened, one.detector.classes).at_depth(one.depth)
    name, images = choose_set(opened, request.set)
    if name == "all" and request.set is None:
        listener.say(
            f"{opened.address} has no val or test set: all images are scored, those that the "
            "detector may have learned from included"
        )

    def tick(done: int) -> None:
        listener.progress(Progress(what="finding objects", done=done, total=len(images)))

    start = monotonic()
    used, found, unusable = find_in_set(one.detector, images, tick)
    seconds = monotonic() - start
    scores = score(used, found, one.detector.classes)
    page = None if request.out is None else Path(request.out)
    if page is None:
        counts = confusion(used, found, len(one.detector.classes), least_score=one.show)
    else:
        evaluated = Evaluated(
            model=one.path, data=opened.address, set=name, images=used, found=found,
            scores=scores, show=one.show, unusable=unusable, seconds=seconds,
        )  # fmt: skip
        counts = write_page(page, evaluated)
    return DetectEvaluateResult(
        set=name, scores=scores, confusion=counts, show=one.show, seconds=monotonic() - began,
        images_per_second=len(images) / seconds, unusable=tuple(unusable), page=page,
    )  # fmt: skip
