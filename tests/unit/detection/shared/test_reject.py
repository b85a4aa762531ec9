"""Where a detector may look away is chosen on images, and only if it saves something."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import max_pool2d

from inceptionkit.detection.shared.design import Design
from inceptionkit.detection.shared.network import DetectorNet
from inceptionkit.detection.shared.predict import SharedDetector
from inceptionkit.detection.shared.reject import choose_reject
from inceptionkit.detection.types import AnnotatedImage, DetectionSet
from inceptionkit.preprocess import Preprocessing
from inceptionkit.progress import Silence
from inceptionkit.spec import Net


@pytest.fixture
def detector(tiny: Net) -> SharedDetector:
    """An untrained one whose rejecter sees what is bright."""
    design = Design(
        net=tiny, size=(64, 96), taps=("inception2",), rejecter="conv1", anchors=((8.0, 8.0),),
        channels=8, hidden=16, grid=3,
    )  # fmt: skip
    model = DetectorNet(design, 1, seed=0).eval()

    def early(images: Tensor) -> tuple[Tensor, Tensor]:
        x, _ = DetectorNet.early(model, images)
        return x, max_pool2d(images.mean(1), 8)

    model.early = early  # type: ignore[method-assign]
    return SharedDetector(model, ("spot",), Preprocessing(size=16))


def with_spots(folder: Path, boxes: list[list[float]]) -> DetectionSet:
    """Dark images, each with bright spots where the boxes are."""
    images = []
    for number in range(4):
        pixels = np.zeros((64, 96, 3), np.uint8)
        for x1, y1, x2, y2 in np.array(boxes, int).tolist():
            pixels[y1:y2, x1:x2] = 255
        path = folder / f"{number}.png"
        Image.fromarray(pixels).save(path)
        labels = np.zeros(len(boxes), np.int64)
        truth = np.array(boxes, np.float32).reshape(-1, 4)
        images.append(
            AnnotatedImage(path.name, path, (64, 96), "val", truth, labels, labels.astype(bool))
        )
    return DetectionSet(str(folder), "csv", ("spot",), tuple(images))


def test_empty_borders_are_skipped(detector: SharedDetector, tmp_path: Path) -> None:
    val = with_spots(tmp_path, [[40, 24, 48, 32]])

    reject, _, why = choose_reject(detector, val, Silence())

    assert reject is not None
    assert reject < 1
    assert why == "the rejecter skips 90.6 % of the area on val, mAP +0.000"


def test_a_full_image_is_looked_at_everywhere(detector: SharedDetector, tmp_path: Path) -> None:
    val = with_spots(tmp_path, [[0, 0, 12, 12], [84, 52, 96, 64]])

    reject, _, why = choose_reject(detector, val, Silence())

    assert reject is None
    assert why == "the rejecter looks everywhere: on val it would keep 100 % of the area"


def test_images_without_objects_choose_nothing(detector: SharedDetector, tmp_path: Path) -> None:
    reject, show, why = choose_reject(detector, with_spots(tmp_path, []), Silence())

    assert (reject, show) == (None, 0.5)
    assert "no objects" in why


def test_the_rejecter_is_trained_on_where_objects_reach(detector: SharedDetector) -> None:
    from inceptionkit.detection.shared.loss import Targets, detection_loss

    model = detector.model
    boxes = Targets(torch.tensor([[[40.0, 24, 48, 32]]]), torch.tensor([[0]]))
    seen = model(torch.full((1, 3, 64, 96), -1.0))
    right = torch.full_like(seen.occupied, -20.0)
    right[0, 3, 5] = 20.0
    wrong = -right

    good, bad = (
        float(detection_loss(model, seen._replace(occupied=one), boxes).emptiness.detach())
        for one in (right, wrong)
    )
    assert good < 1e-6
    assert bad > 1
