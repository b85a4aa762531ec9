"""GoogLeNet's table of ILSVRC 2014 detection at a small scale: what each part of R-CNN is worth.

One ensemble is trained with box regression; every row then leaves something out: classifiers,
regression, context, hard negatives, proposals. Context and hard negatives need further trainings.

    python benchmarks/rcnn.py PATH/TO/bccd --budget 60min --from inceptionkit/small
    python benchmarks/rcnn.py PATH/TO/bccd --budget 60min --ensemble 3 --context
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from hardware import RESULTS, hardware, table, write

from inceptionkit.api.detect_rcnn import detect_rcnn
from inceptionkit.cli.console import Output, listener_for
from inceptionkit.detection.metrics import score
from inceptionkit.detection.proposals import recall, selective_search
from inceptionkit.detection.rcnn.detector import RcnnDetector
from inceptionkit.detection.rcnn.model import load_rcnn
from inceptionkit.detection.rcnn.settings import RegionSettings
from inceptionkit.detection.sources import open_detection
from inceptionkit.detection.types import AnnotatedImage
from inceptionkit.evaluation.early_exit import StopWhenSure

COUNTS = (100, 300, 1000, 2000)


def scored(name: str, detector: RcnnDetector, images: tuple[AnnotatedImage, ...]) -> dict[str, Any]:
    """A row: average precision, and seconds for an image, the search for regions included."""
    start = perf_counter()
    found = [detector.detect(image.pixels()) for image in images]
    seconds = (perf_counter() - start) / len(images)
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
    return replace(detector, how=replace(detector.how, proposals=1000))


def rows_of(given: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Every row of the table."""
    images = open_detection(given.data).of("test").images[: given.images]
    whole = trained(given, folder / "whole")
    one = replace(whole, classifiers=whole.classifiers[:1], columns=whole.columns[:1])
    rows = [scored("one classifier", one, images)]
    if given.ensemble > 1:
        rows.append(scored(f"ensemble of {given.ensemble}", whole, images))
    rows.append(scored("without box regression", replace(one, regression=None), images))
    rows.append(scored("exits from 0.9", replace(one, policy=StopWhenSure(0.9)), images))
    for count in COUNTS:
        fewer = replace(one, how=replace(one.how, proposals=count))
        rows.append(scored(f"{count} proposals", fewer, images))
    if given.context:
        without = trained(given, folder / "context", context=0.0, ensemble=1)
        rows.append(scored("without context", without, images))
        once = trained(given, folder / "once", rounds=1, ensemble=1)
        rows.append(scored("without hard negatives", once, images))
    return rows


def main() -> None:
    """Measure, print two tables, and write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("settings", nargs="*", help="of the recipe, such as lr=0.05")
    parser.add_argument("--budget", default="60min")
    parser.add_argument("--from", dest="start")
    parser.add_argument("--ensemble", type=int, default=1)
    parser.add_argument("--context", action="store_true", help="train without context, too")
    parser.add_argument("--images", type=int, default=None, help="test images, all if left out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the result")
    given = parser.parse_args()

    images = open_detection(given.data).of("test").images[: given.images]
    search = RegionSettings(proposals=max(COUNTS)).search
    start = perf_counter()
    proposals = [selective_search(image.pixels(), search) for image in images]
    seconds = (perf_counter() - start) / len(images)
    points = recall(images, proposals, COUNTS)
    print(f"selective search: {seconds:.2f} s for an image")
    heads = ["proposals", "recall at 0.5", "at 0.7"]
    print(table(heads, [[f"{p.proposals}", f"{p.at_50:.3f}", f"{p.at_70:.3f}"] for p in points]))

    with tempfile.TemporaryDirectory() as folder:
        rows = rows_of(given, Path(folder))
    classes = list(rows[0]["ap50"])
    shown = [
        [
            row["name"], f"{row['map50']:.3f}", *(f"{row['ap50'][name]:.3f}" for name in classes),
            f"{row['map']:.3f}", f"{row['seconds']:.2f}",
        ]
        for row in rows
    ]  # fmt: skip
    print(table(["R-CNN", "mAP at 0.5", *classes, "mAP 0.5:0.95", "s/image"], shown))
    found = [{"proposals": p.proposals, "at_50": p.at_50, "at_70": p.at_70} for p in points]
    write(
        given.out, "rcnn",
        {"hardware": hardware(), "rows": rows, "recall": found, "search_seconds": seconds},
    )  # fmt: skip


if __name__ == "__main__":
    main()
