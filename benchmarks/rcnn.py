"""GoogLeNet's table of ILSVRC 2014 detection at a small scale: what each part of R-CNN is worth.

Proposals come first: the search with superpixels as published and doubled, and, with the run of a
detector that has learnt to propose, its regions and those of both. Then one ensemble is trained
with box regression; every row leaves something out: classifiers, regression, context, hard
negatives, proposals. Context and hard negatives need further trainings: of as many classifiers for
the same budget, so that the first of each had as much time as the row "one classifier".

    python benchmarks/rcnn.py PATH/TO/bccd --budget 60min --from runs/photos-001
    python benchmarks/rcnn.py PATH/TO/bccd --budget 60min --ensemble 3 --context --proposer RUN
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from hardware import RESULTS, hardware, quartiles, table, write

from inceptionkit.api.detect_rcnn import detect_rcnn
from inceptionkit.cli.console import Output, listener_for
from inceptionkit.detection.metrics import score
from inceptionkit.detection.proposals import (
    Proposer,
    SelectiveSearch,
    joined,
    recall,
    selective_search,
)
from inceptionkit.detection.rcnn.detector import RcnnDetector
from inceptionkit.detection.rcnn.model import load_rcnn
from inceptionkit.detection.rcnn.proposer import load_proposer
from inceptionkit.detection.sources import open_detection
from inceptionkit.detection.types import AnnotatedImage, Boxes
from inceptionkit.evaluation.early_exit import StopWhenSure

COUNTS = (100, 300, 1000, 2000)
USUAL = 1000  # proposals of an image, as `detect rcnn` has them
PUBLISHED, DOUBLED = (50.0, 100.0), (100.0, 200.0)  # scales of the superpixels
EVERY = 10**6  # proposals: more than there are


@dataclass(frozen=True)
class Searched:
    """The test images with every region that selective search proposes, the best first."""

    images: tuple[AnnotatedImage, ...]
    proposals: list[Boxes]
    seconds: list[float]  # that each image's search took

    def at_most(self, count: int) -> list[Boxes]:
        """The best proposals of each image."""
        return [boxes[:count] for boxes in self.proposals]


def searched(images: tuple[AnnotatedImage, ...], scales: tuple[float, ...]) -> Searched:
    """Search every image once: fewer proposals are the first of more."""
    how, proposals, seconds = SelectiveSearch(scales=scales, most=EVERY), [], []
    for image in images:
        pixels, start = image.pixels(), perf_counter()
        proposals.append(selective_search(pixels, how))
        seconds.append(perf_counter() - start)
    return Searched(images, proposals, seconds)


def learnt(proposer: Proposer, test: Searched) -> list[Boxes]:
    """What a detector with shared features proposes in each image."""
    return [proposer.proposals(image.pixels(), max(COUNTS)) for image in test.images]


def both(first: list[Boxes], test: Searched, most: int) -> list[Boxes]:
    """Learnt proposals and those of the search, in turn, so many in all."""
    pairs = zip(first, test.at_most(most), strict=True)
    return [joined(some, others, most) for some, others in pairs]


def covered(
    name: str, images: tuple[AnnotatedImage, ...], proposals: list[Boxes], counts: Sequence[int]
) -> list[dict[str, Any]]:
    """Rows of the proposals: how many regions there are, and the objects that the best cover."""
    regions = float(np.mean([len(boxes) for boxes in proposals]))
    return [
        {"name": name, "regions": regions, "proposals": point.proposals, "at_50": point.at_50,
         "at_70": point.at_70}
        for point in recall(images, proposals, counts)
    ]  # fmt: skip


def proposal_rows(given: argparse.Namespace, test: Searched) -> list[dict[str, Any]]:
    """Every row of the table of proposals."""
    images, rows = test.images, list[dict[str, Any]]()
    published = searched(images, PUBLISHED)
    for name, one in (("superpixels as published", published), ("superpixels doubled", test)):
        counts = (*COUNTS, EVERY) if one is test else (USUAL, EVERY)
        rows += covered(name, images, one.proposals, counts)
    if given.proposer is not None:
        first = learnt(load_proposer(given.proposer), test)
        rows += covered("learnt", images, first, COUNTS)
        for count in COUNTS:
            rows += covered("doubled and learnt", images, both(first, test, count), (count,))
    return rows


def scored(name: str, detector: RcnnDetector, test: Searched) -> dict[str, Any]:
    """A row: average precision, and seconds for an image, those of the search included."""
    start, images, most = perf_counter(), test.images, detector.how.proposals
    proposals = test.at_most(most)
    if detector.proposer is not None:
        proposals = both(learnt(detector.proposer, test), test, most)
    found = [
        detector.detect_among(image.pixels(), boxes)
        for image, boxes in zip(images, proposals, strict=True)
    ]
    seconds = (sum(test.seconds) + perf_counter() - start) / len(images)
    scores = score(images, found, detector.classes)
    return {
        "name": name, "map50": scores.map50, "map": scores.coco.ap, "seconds": seconds,
        "ap50": {one.name: one.ap50 for one in scores.classes},
    }  # fmt: skip


def trained(given: argparse.Namespace, out: Path, **changed: object) -> RcnnDetector:
    """Train one R-CNN."""
    with listener_for(Output(json_only=False, quiet=False)) as listener:
        options: dict[str, Any] = {
            "from_": given.start, "budget": given.budget, "ensemble": given.ensemble,
            "proposals": max(COUNTS), "seed": given.seed, **changed,
        }  # fmt: skip
        run = detect_rcnn(given.data, given.settings, out=out, listener=listener, **options)
    detector = load_rcnn(run.model)[0]
    return replace(detector, how=replace(detector.how, proposals=USUAL))


def alone(detector: RcnnDetector) -> RcnnDetector:
    """The first classifier by itself."""
    return replace(detector, classifiers=detector.classifiers[:1], columns=detector.columns[:1])


def rows_of(given: argparse.Namespace, folder: Path, test: Searched) -> list[dict[str, Any]]:
    """Every row of the table."""
    whole = trained(given, folder / "whole")
    one = alone(whole)
    rows = [scored("one classifier", one, test)]
    if given.ensemble > 1:
        rows.append(scored(f"ensemble of {given.ensemble}", whole, test))
    rows.append(scored("without box regression", replace(one, regression=None), test))
    rows.append(scored("exits from 0.9", replace(one, policy=StopWhenSure(0.9)), test))
    for count in COUNTS:
        if count == one.how.proposals:
            continue
        fewer = replace(one, how=replace(one.how, proposals=count))
        rows.append(scored(f"{count} proposals", fewer, test))
    if given.proposer is not None:  # which the classifiers were not trained with
        more = replace(one, proposer=load_proposer(given.proposer))
        rows.append(scored("learnt proposals, too", more, test))
    if given.context:
        without = trained(given, folder / "context", context=0.0)
        rows.append(scored("one classifier, without context", alone(without), test))
        once = trained(given, folder / "once", rounds=1)
        rows.append(scored("one classifier, without hard negatives", alone(once), test))
    return rows


def main() -> None:
    """Measure, print two tables, and write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("settings", nargs="*", help="of the recipe, such as lr=0.05")
    parser.add_argument("--budget", default="60min")
    parser.add_argument("--from", dest="start")
    parser.add_argument("--ensemble", type=int, default=1)
    parser.add_argument(
        "--context", action="store_true", help="train without context and hard negatives, too"
    )
    parser.add_argument("--proposer", help="run of `detect train` on the same images")
    parser.add_argument("--images", type=int, default=None, help="test images, all if left out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the result")
    given = parser.parse_args()

    test = searched(open_detection(given.data).of("test").images[: given.images], DOUBLED)
    low, middle, high = quartiles(test.seconds)
    print(f"selective search: {middle:.2f} s for an image, half of them {low:.2f} to {high:.2f} s")
    proposals = proposal_rows(given, test)
    heads = ["proposals of", "regions of an image", "best", "recall at 0.5", "at 0.7"]
    of_proposals = table(
        heads,
        [
            [
                row["name"], f"{row['regions']:.0f}",
                "all" if row["proposals"] == EVERY else f"{row['proposals']}",
                f"{row['at_50']:.3f}", f"{row['at_70']:.3f}",
            ]
            for row in proposals
        ],
    )  # fmt: skip
    print(of_proposals)

    with tempfile.TemporaryDirectory() as folder:
        rows = rows_of(given, Path(folder), test)
    classes = list(rows[0]["ap50"])
    shown = [
        [
            row["name"], f"{row['map50']:.3f}", *(f"{row['ap50'][name]:.3f}" for name in classes),
            f"{row['map']:.3f}", f"{row['seconds']:.2f}",
        ]
        for row in rows
    ]  # fmt: skip
    text = table(["R-CNN", "mAP at 0.5", *classes, "mAP 0.5:0.95", "s/image"], shown)
    print(text)
    (given.out / "rcnn.md").write_text(f"{of_proposals}\n{text}", encoding="utf-8")
    search = {
        "median_seconds": middle, "quartiles_seconds": [low, high],
        "least_seconds": min(test.seconds), "most_seconds": max(test.seconds),
        "images": len(test.images),
    }  # fmt: skip
    write(
        given.out, "rcnn",
        {"hardware": hardware(), "rows": rows, "proposals": proposals, "search": search},
    )  # fmt: skip


if __name__ == "__main__":
    main()
