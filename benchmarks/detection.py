"""What a detector with shared features finds after some minutes, beside torchvision's smallest.

Both train for the same time, on the same views of the same images, and are scored on the test set
by the same program. torchvision's SSDLite begins with random weights, ours with those of --from, or
random ones. Speed is that of one image at a time, decoding not included.

    python benchmarks/detection.py PATH/TO/bccd --minutes 60 --peer
    python benchmarks/detection.py PATH/TO/bccd --minutes 60 --from runs/photos-001
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from hardware import RESULTS, hardware, table, write

from inceptionkit.api.detect_train import detect_train
from inceptionkit.cli.console import Output, listener_for
from inceptionkit.data.rng import CounterRng, permutation
from inceptionkit.detection.division import divide
from inceptionkit.detection.metrics.summary import score
from inceptionkit.detection.shared.augment import Augmentation, batch, kept
from inceptionkit.detection.shared.exported import open_detector
from inceptionkit.detection.shared.fit import fitted
from inceptionkit.detection.shared.nms import suppress
from inceptionkit.detection.sources.open import open_detection
from inceptionkit.detection.types import AnnotatedImage, Detections, Detector, Pixels

SIDE, BATCH, LR = 320, 8, 1e-3  # of SSDLite
FILL = (128, 128, 128)


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
    name: str, detector: Detector, data: str, minutes: float, **more: object
) -> dict[str, Any]:
    """Score a detector on the test images."""
    test = open_detection(data).of("test")
    found, seconds = timed(detector.detect, test.images)
    scores = score(test.images, found, test.classes)
    ap50 = {one.name: one.ap50 for one in scores.classes}
    return {
        "name": name, "minutes": minutes, "images": len(test), "map50": scores.map50,
        "map": scores.coco.ap, "ap50": ap50, "images_per_second": 1 / seconds, **more,
    }  # fmt: skip


def ours(data: str, minutes: float, start: str | None, settings: Sequence[str]) -> dict[str, Any]:
    """Train and score our detector."""
    output = Output(json_only=False, quiet=False)
    with tempfile.TemporaryDirectory() as folder, listener_for(output) as listener:
        run = detect_train(
            data, settings, from_=start, budget=f"{minutes:g}min", out=Path(folder) / "run",
            listener=listener,
        )  # fmt: skip
        detector, card = open_detector(run.model)
        return result(
            f"shared features, {card.design.net.name}", detector, data, minutes,
            epochs=run.epochs, start=start, size=card.design.size,
        )  # fmt: skip


@dataclass
class SsdLite:
    """torchvision's SSDLite."""

    model: Any
    classes: tuple[str, ...]

    @torch.inference_mode()
    def detect(self, image: Pixels) -> Detections:
        """Find the objects of one image."""
        pixels, scale = fitted(image, (SIDE, SIDE), FILL)
        found = self.model([torch.from_numpy(pixels).permute(2, 0, 1) / 255])[0]
        labels = found["labels"].numpy() - 1
        exits = ("main",) * len(labels)
        return Detections(found["boxes"].numpy() / scale, labels, found["scores"].numpy(), exits)


def ssdlite(data: str, minutes: float, flip: str) -> dict[str, Any]:
    """Train and score torchvision's SSDLite, with our suppression where its own does not load."""
    library = torch.library.Library("torchvision", "FRAGMENT")
    try:
        import torchvision.models.detection as models
    except RuntimeError:
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.impl("nms", suppress, "CPU")
        import torchvision.models.detection as models

        models.ssd.box_ops.nms = suppress
    sets = divide(open_detection(data), 0)
    model = models.ssdlite320_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=1 + len(sets.train.classes)
    )
    images = [kept(image, (SIDE, SIDE)) for image in sets.train]
    labels = [image.labels for image in sets.train]
    how = Augmentation(size=(SIDE, SIDE), flip=flip, fill=FILL)  # type: ignore[arg-type]
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=0.05)
    start, step, per_epoch = perf_counter(), 0, len(images) // BATCH
    model.train()
    while (share := (perf_counter() - start) / (60 * minutes)) < 1:
        epoch, place = divmod(step, per_epoch)
        order = permutation(0, epoch, len(images))[place * BATCH : (place + 1) * BATCH]
        views, targets = batch(
            [images[at] for at in order], [labels[at] for at in order], how,
            CounterRng(0, epoch, np.array(order)),
        )  # fmt: skip
        objects = [
            {"boxes": boxes[of >= 0], "labels": of[of >= 0] + 1}
            for boxes, of in zip(targets.boxes, targets.labels, strict=True)
        ]
        for group in optimizer.param_groups:
            group["lr"] = LR * min(1.0, share / 0.05) * (1.0 - share)
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16):
            losses = model(list(views.float() / 255), objects)
        torch.autograd.backward(sum(losses.values()))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        step += 1
    detector = SsdLite(model.eval(), sets.train.classes)
    return result(
        "SSDLite, MobileNet v3 (torchvision)", detector, data, minutes,
        epochs=step / per_epoch, start=None, size=(SIDE, SIDE),
    )  # fmt: skip


def main() -> None:
    """Measure, print a table, and write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("settings", nargs="*", help="of our recipe, such as lr=0.001")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--from", dest="start")
    parser.add_argument("--flip", default="both", choices=["none", "horizontal", "both"])
    parser.add_argument("--peer", action="store_true", help="train torchvision's SSDLite, too")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the result")
    given = parser.parse_args()
    settings = [f"flip={given.flip}", *given.settings]
    rows = [ours(given.data, given.minutes, given.start, settings)]
    if given.peer:
        rows.append(ssdlite(given.data, given.minutes, given.flip))
    classes = list(rows[0]["ap50"])
    shown = [
        [
            row["name"], f"{row['map50']:.3f}", *(f"{row['ap50'][name]:.3f}" for name in classes),
            f"{row['map']:.3f}", f"{row['images_per_second']:.1f}", f"{row['epochs']:.0f}",
        ]
        for row in rows
    ]  # fmt: skip
    heads = ["detector", "mAP at 0.5", *classes, "mAP 0.5:0.95", "images/s", "epochs"]
    print(table(heads, shown))
    write(given.out, "detection", {"hardware": hardware(), "rows": rows})


if __name__ == "__main__":
    main()
