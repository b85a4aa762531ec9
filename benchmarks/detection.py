"""What detectors find after some minutes of training: ours, torchvision's and Ultralytics'.

All train for the same time on the same images, each in a process of its own, and are scored on the
test set by the same program. Speed is that of one image at a time, decoding not included.

    python benchmarks/detection.py PATH/TO/bccd --minutes 15
    python benchmarks/detection.py PATH/TO/bccd --minutes 60 --of ours
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from hardware import RESULTS, hardware, table, write

from inceptionkit.api.detect_train import detect_train
from inceptionkit.cli.console import Output, listener_for
from inceptionkit.detection.metrics.summary import score
from inceptionkit.detection.shared.exported import open_detector
from inceptionkit.detection.sources.open import open_detection
from inceptionkit.detection.types import AnnotatedImage, Detections, Detector, Pixels

OURS, NOTHING = "ours", "ours-from-nothing"
SIDES = (OURS, NOTHING, "faster-rcnn", "ssdlite", "yolo")


def timed(
    run: Callable[[Pixels], Detections], images: Sequence[AnnotatedImage]
) -> tuple[list[Detections], float]:
    """What is found in each image, and the median of the seconds that it took."""
    found, seconds = [], []
    for image in images:
        pixels = image.pixels()
        start = perf_counter()
        found.append(run(pixels))
        seconds.append(perf_counter() - start)
    return found, median(seconds)


def result(
    name: str, detector: Detector, given: argparse.Namespace, **more: object
) -> dict[str, Any]:
    """Score a detector on the test images."""
    test = open_detection(given.data).of("test")
    found, seconds = timed(detector.detect, test.images)
    scores = score(test.images, found, test.classes)
    ap50 = {one.name: one.ap50 for one in scores.classes}
    return {
        "name": name, "minutes": given.minutes, "images": len(test), "map50": scores.map50,
        "map": scores.coco.ap, "ap50": ap50, "images_per_second": 1 / seconds,
        "hardware": hardware(), **more,
    }  # fmt: skip


def ours(given: argparse.Namespace, name: str) -> dict[str, Any]:
    """Train and score our detector."""
    output = Output(json_only=False, quiet=False)
    changed: dict[str, Any] = {"from_": given.start}
    if name == NOTHING:
        changed = {"architecture": "inception_small"}
    with tempfile.TemporaryDirectory() as folder, listener_for(output) as listener:
        run = detect_train(
            given.data, [f"flip={given.flip}", *given.settings], budget=f"{given.minutes:g}min",
            out=Path(folder) / "run", seed=given.seed, listener=listener, **changed,
        )  # fmt: skip
        detector, card = open_detector(run.model)
        start = "from nothing" if name == NOTHING else f"from {given.start or 'what ships'}"
        return result(
            f"shared features, {card.design.net.name}, {start}", detector, given,
            epochs=run.epochs, size=card.design.size, looked_at=run.looked_at,
            regions_skipped=run.regions_skipped,
        )  # fmt: skip


def of_side(given: argparse.Namespace, name: str) -> dict[str, Any]:
    """Train and score one detector."""
    if name in (OURS, NOTHING):
        return ours(given, name)
    from detection_peers import PEERS

    trained = PEERS[name](given.data, given.minutes, given.flip)
    peers = {one: version(one) for one in ("torchvision", "ultralytics") if find_spec(one)}
    return result(
        trained.name, trained.detector, given, epochs=trained.epochs, size=trained.size,
        peer_versions=peers,
    )  # fmt: skip


def in_own_process(name: str) -> dict[str, Any]:
    """The same, where no other detector has left anything behind."""
    with tempfile.TemporaryDirectory() as folder:
        words = [*sys.argv[1:], "--one", name, "--out", folder]
        subprocess.run([sys.executable, __file__, *words], check=True)
        row: dict[str, Any] = json.loads((Path(folder) / "row.json").read_text("utf-8"))
    return {**row, "side": name}


def main() -> None:
    """Measure, print a table, and write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("settings", nargs="*", help="of our recipe, such as lr=0.001")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--from", dest="start", help="model whose trunk ours starts from")
    parser.add_argument("--flip", default="both", choices=["none", "horizontal", "both"])
    parser.add_argument("--of", nargs="+", default=SIDES, choices=SIDES, help="what is trained")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--one", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the result")
    given = parser.parse_args()
    if given.one is not None:
        write(given.out, "row", of_side(given, given.one))
        return
    for name in given.of:
        print(keep(in_own_process(name), given.out))


def keep(row: dict[str, Any], folder: Path) -> str:
    """Write a result beside those of earlier calls; the table."""
    written = folder / "detection.json"
    rows = json.loads(written.read_text("utf-8"))["rows"] if written.exists() else []
    own = row["side"], row["minutes"]
    rows = [*(one for one in rows if (one["side"], one["minutes"]) != own), row]
    rows.sort(key=lambda one: (one["minutes"], SIDES.index(one["side"])))
    write(folder, "detection", {"rows": rows})
    text = shown(rows)
    (folder / "detection.md").write_text(text, encoding="utf-8")
    return text


def shown(rows: Sequence[dict[str, Any]]) -> str:
    """The table."""
    classes = list(rows[0]["ap50"])
    heads = ["detector", "size", "minutes", "mAP at 0.5", *classes, "mAP 0.5:0.95", "images/s",
             "epochs"]  # fmt: skip
    return table(
        heads,
        [
            [
                row["name"], f"{row['size'][1]}x{row['size'][0]}", f"{row['minutes']:g}",
                f"{row['map50']:.3f}", *(f"{row['ap50'][name]:.3f}" for name in classes),
                f"{row['map']:.3f}", f"{row['images_per_second']:.1f}", f"{row['epochs']:.0f}",
            ]
            for row in rows
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
