"""`check`: look at every image before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

from inceptionkit.arguments import CLASSES, DATA, IMAGE_COLUMN, LABEL_COLUMN, LISTENER
from inceptionkit.display import SHOWN
from inceptionkit.options import Option, verb
from inceptionkit.progress import Listener, Progress, Silence
from inceptionkit.results import Result, table

if TYPE_CHECKING:
    from inceptionkit.data.quality.findings import Finding
    from inceptionkit.data.quality.near_duplicates import Group
    from inceptionkit.data.quality.scan import Scan
    from inceptionkit.training.cross_validation import Doubt


@dataclass(frozen=True)
class CheckRequest:
    """Which images to check, and how."""

    data: Annotated[str | Path, DATA]
    _: KW_ONLY
    out: Annotated[
        str | Path | None,
        Option("Page to write.", "PAGE.html", default="the next free name under runs/"),
    ] = None
    strict: Annotated[bool, Option("Treat findings that are errors or warnings as errors.")] = False
    folds: Annotated[
        int | None,
        Option(
            "Also look for label errors, with this number of short trainings; 5 is usual.",
            default="none",
            min=2,
            max=20,
        ),
    ] = None
    seed: Annotated[int, Option("Seed of these trainings.", min=0)] = 0
    classes: Annotated[str | Sequence[str] | None, CLASSES] = None
    image_column: Annotated[str | None, IMAGE_COLUMN] = None
    label_column: Annotated[str | None, LABEL_COLUMN] = None
    listener: Annotated[Listener | None, LISTENER] = SHOWN


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class CheckResult(Result):
    """What is wrong with the data.

    Attributes:
        page: the page that shows it.
        findings: errors first.
        scan: what is known of every image.
        groups: images that show the same.
        doubts: suspected label errors; none without `folds`.
        refused: why `train` would refuse the data; None if it would not.
    """

    page: Path
    findings: tuple[Finding, ...]
    scan: Scan
    groups: tuple[Group, ...]
    doubts: tuple[Doubt, ...]
    seconds: float
    refused: str | None = None

    @property
    def failed(self) -> bool:
        """Whether `train` would refuse the data."""
        return self.refused is not None

    @property
    def faults(self) -> tuple[Finding, ...]:
        """The findings that are errors or warnings."""
        return tuple(one for one in self.findings if one.severity != "note")

    def to_json(self) -> dict[str, Any]:
        """What `check --json` prints."""
        from inceptionkit.data.quality.summary import summary

        found = summary(self.scan, self.groups, self.findings)
        doubts = [one.to_json(self.scan.dataset) for one in self.doubts]
        found |= {"doubts": doubts, "remembered": self.scan.remembered, "refused": self.refused}
        return found | {"page": str(self.page), "seconds": self.seconds}

    def summary(self) -> dict[str, Any]:
        """The findings, and how many images there are."""
        found = {f"{one.severity}, {one.kind}": one.says for one in self.findings}
        usable, unusable = len(self.scan.usable), len(self.scan.unusable)
        images = {"images": usable + unusable, "usable": usable}
        return images | found | {"doubts": len(self.doubts), "page": str(self.page)}

    def _repr_html_(self) -> str:
        keys = ("severity", "finding", "advice")
        return table(keys, [(one.severity, one.says, one.advice) for one in self.findings])


@verb(CheckRequest)
def check(request: CheckRequest) -> CheckResult:
    """Check every image: copies, odd ones, unusable ones, and classes too small to learn.

    Nothing is written beside the images. On the command line the exit code is 2 where `train` would
    refuse the data.

    Raises:
        DataError: there are no labeled images; or `strict` is set and something is wrong.
        RunError: the page cannot be written, or would lie among the images.
    """
    from inceptionkit.data import open_dataset
    from inceptionkit.data.quality.findings import CheckError, find, refusal
    from inceptionkit.data.quality.scan import scan
    from inceptionkit.data.types import Source
    from inceptionkit.machine import cores
    from inceptionkit.report.check_page import page_place, write_page

    began, listener = monotonic(), request.listener or Silence()
    columns = (request.image_column, request.label_column)
    dataset = open_dataset(Source(request.data, request.classes, *columns))
    page = page_place(dataset.address, None if request.out is None else Path(request.out))

    def tick(done: int) -> None:
        listener.progress(Progress(what="looking at images", done=done, total=len(dataset.samples)))

    found = scan(dataset, threads=cores(), progress=tick)
    groups = found.groups(cores())
    findings = find(found, groups)
    doubts: tuple[Doubt, ...] = ()
    if (folds := request.folds) is not None:
        from inceptionkit.training.cross_validation import suspected

        doubts = suspected(found, groups, folds=folds, seed=request.seed, listener=listener)
    write_page(page, found, groups, findings, doubts)
    result = CheckResult(
        page=page, findings=findings, scan=found, groups=groups, doubts=doubts,
        seconds=monotonic() - began, refused=refusal(found),
    )  # fmt: skip
    if request.strict and result.faults:
        raise CheckError(result, dataset.address, result.faults)
    return result
