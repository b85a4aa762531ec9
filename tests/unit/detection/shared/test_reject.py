"""Where a detector may look away is chosen on images, and only if it saves something."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import max_pool2d

from inceptionkit.detection.metrics.summary import score
from inceptionkit.detection.shared.design import Design
from inceptionkit.detection.shared.network import DetectorNet
from inceptionkit.detection.shared.predict import Candidates, Scan, SharedDetector
from inceptionkit.detection.shared.reject import _region_exit, choose_exits, regions_skipped
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

    chosen = choose_exits(detector, val, Silence())

    reject = chosen.detector.reject
    assert reject is not None
    assert reject < 1
    assert chosen.why[1] == "the rejecter skips 90.6 % of the area on val, mAP +0.000"


def test_a_full_image_is_looked_at_everywhere(detector: SharedDetector, tmp_path: Path) -> None:
    val = with_spots(tmp_path, [[0, 0, 12, 12], [84, 52, 96, 64]])

    chosen = choose_exits(detector, val, Silence())

    assert chosen.detector.reject is None
    assert chosen.why[1] == "the rejecter looks everywhere: on val it would keep 100 % of the area"


def a_look(objects_at: list[int]) -> Scan:
    """100 regions whose objectness falls, and among them the spots, found as they are."""
    candidates = Candidates(
        torch.arange(100, 0, -1).float(), 100, torch.tensor(objects_at), torch.tensor(SPOTS),
        torch.zeros(len(SPOTS), dtype=torch.int64), torch.ones(len(SPOTS)),
    )  # fmt: skip
    return Scan((64, 96), np.ones(4, np.float32), np.zeros(4, np.float32), 1.0, candidates)


SPOTS = [[0.0, 0, 12, 12], [84, 52, 96, 64]]


@pytest.mark.parametrize(
    ("objects_at", "skipped"), [([0, 1], 0.97), ([0, 49], 0.5), ([0, 99], None)]
)
def test_the_exit_for_regions_is_as_high_as_val_allows(
    objects_at: list[int], skipped: float | None, tmp_path: Path
) -> None:
    val = with_spots(tmp_path, SPOTS)
    looks = [a_look(objects_at)] * len(val)
    scores = score(val.images, [look.detections(100) for look in looks], val.classes)

    logit, why = _region_exit(looks, scores, val, 100)

    assert scores.map50 == 1
    if skipped is None:
        assert (logit, why) == (
            None,
            "the exit for regions answers none: on val, almost every region counts",
        )
    else:
        assert logit is not None
        share = regions_skipped([look.at_exit(logit).work() for look in looks])
        assert share == pytest.approx(skipped, abs=0.02)
        assert why.endswith("of them on val, mAP +0.000")


def test_images_without_objects_choose_nothing(detector: SharedDetector, tmp_path: Path) -> None:
    chosen = choose_exits(detector, with_spots(tmp_path, []), Silence())

    assert (chosen.detector.reject, chosen.detector.region_exit, chosen.show) == (None, None, 0.5)
    assert "nothing is found" in chosen.why[0]
    assert "no objects" in chosen.why[1]


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
