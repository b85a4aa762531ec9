"""Detectors of torchvision and Ultralytics, trained for some minutes on the same images.

torchvision's are trained here on our augmented views, by AdamW with a warm-up and a linear fall;
Ultralytics' by its own `train`, from its `.yaml` (random weights), with its own augmentation.
"""

from __future__ import annotations

import importlib
import os
import tempfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from peers import declare_operators
from PIL import Image
from torch import Tensor, nn

from inceptionkit.data.rng import CounterRng, permutation
from inceptionkit.detection.division import DividedSet, divide
from inceptionkit.detection.shared.augment import Augmentation, batch, kept
from inceptionkit.detection.shared.fit import fill_of, fitted
from inceptionkit.detection.shared.network import DetectorNet
from inceptionkit.detection.shared.nms import suppress
from inceptionkit.detection.shared.request import DetectTrainRequest
from inceptionkit.detection.shared.roi_align import roi_align
from inceptionkit.detection.shared.start import design_of, trunk_of
from inceptionkit.detection.sources.open import open_detection
from inceptionkit.detection.types import AnnotatedImage, Detections, DetectionSet, Detector, Pixels
from inceptionkit.errors import WeightsError

Flip: TypeAlias = Literal["none", "horizontal", "both"]
BATCH, LR, WEIGHT_DECAY, WARMUP = 8, 1e-3, 0.05, 0.05
SSD_SIDE, YOLO_SIDE = 320, 320  # pixels; SSDLite's own, and the same for YOLO
GRAY = (128, 128, 128)
LEAST = 0.01  # score of a box that is kept, as ours


@dataclass(frozen=True)
class Trained:
    """A detector, and how often it saw the training images."""

    name: str
    detector: Detector
    epochs: float
    size: tuple[int, int]


@dataclass
class Torchvision:
    """A detector of torchvision."""

    model: nn.Module
    size: tuple[int, int]
    fill: tuple[int, int, int]

    @torch.inference_mode()
    def detect(self, image: Pixels) -> Detections:
        """Find the objects of one image."""
        pixels, scale = fitted(image, self.size, self.fill)
        found = self.model([torch.from_numpy(pixels).permute(2, 0, 1) / 255])[0]
        labels = found["labels"].numpy() - 1
        boxes = found["boxes"].numpy() / scale
        return Detections(boxes, labels, found["scores"].numpy(), ("main",) * len(labels))


@dataclass
class Yolo:
    """A detector of Ultralytics."""

    model: Any

    def detect(self, image: Pixels) -> Detections:
        """Find the objects of one image."""
        backwards = np.ascontiguousarray(image[..., ::-1])  # it takes BGR
        found = self.model.predict(backwards, imgsz=YOLO_SIDE, conf=LEAST, verbose=False)[0].boxes
        labels = found.cls.numpy().astype(np.int64)
        return Detections(
            found.xyxy.numpy(), labels, found.conf.numpy(), ("main",) * len(labels)
        )  # fmt: skip


class Trunk(nn.Module):
    """Our trunk from the model that ships, as torchvision's detectors want it: with a pyramid."""

    def __init__(self, data: str, pyramid: Callable[[list[int], int], nn.Module]) -> None:
        super().__init__()
        net, start, self.preprocessing = trunk_of(DetectTrainRequest(data=data))
        design = design_of(net, divide(open_detection(data), 0).train, None)
        own = DetectorNet(design, 1, seed=0)
        if start is not None:
            tensors = start.tensors(design.net)
            weights = {name: torch.from_numpy(array) for name, array in tensors.items()}
            missing = own.load_state_dict(weights, strict=False).missing_keys
            if any(name.startswith("trunk.") and "num_batches" not in name for name in missing):
                msg = f"{start.model}: it lacks weights of the trunk: {missing}"
                raise WeightsError(msg)
        self.blocks, self.taps, self.size = own.trunk, design.taps, design.size
        self.anchors = design.anchors
        self.out_channels = design.channels
        self.pyramid = pyramid([design.signal(tap).channels for tap in design.taps], 96)

    def forward(self, x: Tensor) -> OrderedDict[str, Tensor]:
        """The pyramid's features, finest first."""
        taken = OrderedDict[str, Tensor]()
        for name, block in self.blocks.items():
            x = block(x)
            if name in self.taps:
                taken[name] = x
        found: OrderedDict[str, Tensor] = self.pyramid(taken)
        return found


def torchvision_detection() -> ModuleType:
    """`torchvision.models.detection`; where its compiled operators do not load, with ours.

    They are equal (`tests/peers`), and what torchvision itself falls back to is far slower.
    """
    complete = declare_operators()
    import torchvision

    models = importlib.import_module("torchvision.models.detection")
    if complete:
        return models
    torchvision.ops.nms = torchvision.ops.boxes.nms = suppress
    torchvision.ops.poolers.roi_align = aligned
    return models


def aligned(
    features: Tensor, regions: Tensor, output_size: tuple[int, int], spatial_scale: float,
    sampling_ratio: int,
) -> Tensor:  # fmt: skip
    """Our RoIAlign with the arguments of torchvision's; regions are sorted by their image."""
    found = [
        roi_align(
            features[at : at + 1], regions[regions[:, 0] == at, 1:][None], tuple(output_size),
            (spatial_scale, spatial_scale), sampling_ratio,
        )[0]
        for at in range(len(features))
    ]  # fmt: skip
    return torch.cat(found)


def ssdlite(data: str, minutes: float, flip: Flip) -> Trained:
    """Torchvision's smallest detector, from random weights."""
    sets = divide(open_detection(data), 0)
    model = torchvision_detection().ssdlite320_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=1 + len(sets.train.classes)
    )
    size = (SSD_SIDE, SSD_SIDE)
    how = Augmentation(size=size, flip=flip, fill=GRAY)
    epochs = fit_torchvision(model, sets, how, minutes)
    detector = Torchvision(model.eval(), size, GRAY)
    return Trained("SSDLite, MobileNet v3, from nothing (torchvision)", detector, epochs, size)


def faster_rcnn(data: str, minutes: float, flip: Flip) -> Trained:
    """Torchvision's Faster R-CNN on the trunk that ships with this package."""
    models = torchvision_detection()
    from torchvision.ops import FeaturePyramidNetwork

    sets = divide(open_detection(data), 0)
    trunk = Trunk(data, FeaturePyramidNetwork)
    sides = sorted(max(anchor) for anchor in trunk.anchors)
    sizes = ((sides[0], sides[len(sides) // 2]), (sides[-1], 1.5 * sides[-1]))[: len(trunk.taps)]
    model = models.FasterRCNN(
        trunk, 1 + len(sets.train.classes),
        min_size=min(trunk.size), max_size=max(trunk.size),
        image_mean=list(trunk.preprocessing.mean), image_std=list(trunk.preprocessing.std),
        rpn_anchor_generator=models.anchor_utils.AnchorGenerator(
            sizes, tuple((0.5, 1.0, 2.0) for _ in sizes)
        ),
        box_roi_pool=models.faster_rcnn.MultiScaleRoIAlign(list(trunk.taps), 7, 2),
        box_score_thresh=LEAST,
    )  # fmt: skip
    fill = fill_of(trunk.preprocessing)
    how = Augmentation(size=trunk.size, flip=flip, fill=fill)
    epochs = fit_torchvision(model, sets, how, minutes)
    detector = Torchvision(model.eval(), trunk.size, fill)
    return Trained("Faster R-CNN on our trunk (torchvision)", detector, epochs, trunk.size)


def fit_torchvision(model: nn.Module, sets: DividedSet, how: Augmentation, minutes: float) -> float:
    """Train for some minutes; how many epochs that were."""
    images = [kept(image, how.size) for image in sets.train]
    labels = [image.labels for image in sets.train]
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=WEIGHT_DECAY)
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
            group["lr"] = LR * min(1.0, share / WARMUP) * (1.0 - share)
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16):
            losses = model(list(views.float() / 255), objects)
        torch.autograd.backward(sum(losses.values()))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        step += 1
    return step / per_epoch


def yolo(data: str, minutes: float, flip: Flip) -> Trained:
    """Ultralytics' smallest detector, from random weights, by its own training."""
    threads = torch.get_num_threads()
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))  # on import it would set 1
    os.environ["YOLO_OFFLINE"] = "true"
    torchvision_detection()  # which it imports
    from ultralytics import YOLO
    from ultralytics.utils import torch_utils

    torch_utils.NUM_THREADS = threads
    sets = divide(open_detection(data), 0)
    with tempfile.TemporaryDirectory() as folder:
        described = yolo_folder(sets, Path(folder))
        model = YOLO("yolo11n.yaml")
        model.train(
            data=str(described), time=minutes / 60, imgsz=YOLO_SIDE, batch=BATCH, device="cpu",
            workers=0, seed=0, cache="ram", plots=False, patience=100_000, project=folder,
            flipud=0.5 if flip == "both" else 0.0, fliplr=0.0 if flip == "none" else 0.5,
        )  # fmt: skip
        torch.set_num_threads(threads)
        best = YOLO(str(model.trainer.best))
    return Trained(
        "YOLO11n, from nothing (Ultralytics)", Yolo(best), float(model.trainer.epoch + 1),
        (YOLO_SIDE, YOLO_SIDE),
    )  # fmt: skip


def yolo_folder(sets: DividedSet, folder: Path) -> Path:
    """The training and val images in the layout of YOLO; its data.yaml."""
    for name, of in (("train", sets.train), ("val", sets.val)):
        write_yolo(of, folder / "images" / name, folder / "labels" / name)
    described = folder / "data.yaml"
    names = "".join(f"  {at}: {one}\n" for at, one in enumerate(sets.train.classes))
    described.write_text(f"path: {folder}\ntrain: images/train\nval: images/val\nnames:\n{names}")
    return described


def write_yolo(images: DetectionSet, pixels: Path, labels: Path) -> None:
    """Images as PNG, and a line for each object."""
    for path in (pixels, labels):
        path.mkdir(parents=True)
    for number, image in enumerate(images):
        Image.fromarray(image.pixels()).save(pixels / f"{number}.png", compress_level=1)
        lines = yolo_lines(image)
        (labels / f"{number}.txt").write_text("".join(lines), encoding="utf-8")


def yolo_lines(image: AnnotatedImage) -> list[str]:
    """Class, middle and size of each object, as shares of the image."""
    height, width = image.size
    lines = []
    for label, (x1, y1, x2, y2) in zip(image.labels, image.boxes, strict=True):
        middle = (x1 + x2) / 2 / width, (y1 + y2) / 2 / height
        shape = (x2 - x1) / width, (y2 - y1) / height
        lines.append(f"{label} " + " ".join(f"{value:.6f}" for value in (*middle, *shape)) + "\n")
    return lines


PEERS: dict[str, Callable[[str, float, Flip], Trained]] = {
    "faster-rcnn": faster_rcnn,
    "ssdlite": ssdlite,
    "yolo": yolo,
}
"""What `detection.py --of` calls them."""
