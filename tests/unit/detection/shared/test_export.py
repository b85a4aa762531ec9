"""The graph of a detector gives the boxes that torch gives, in both engines."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import annotated
import numpy as np
import pytest
import torch

from inceptionkit.api import detect_export
from inceptionkit.detection.shared.card import (
    DetectorCard,
    read_detector_card,
    write_detector,
)
from inceptionkit.detection.shared.coding import anchor_grid
from inceptionkit.detection.shared.design import Design
from inceptionkit.detection.shared.export import compare, export_detector
from inceptionkit.detection.shared.exported import open_detector
from inceptionkit.detection.shared.graph import anchor_boxes
from inceptionkit.detection.shared.model import weights_file
from inceptionkit.detection.shared.network import DetectorNet
from inceptionkit.detection.shared.predict import SharedDetector, nothing
from inceptionkit.detection.sources import open_detection
from inceptionkit.errors import DeploymentError, WeightsError
from inceptionkit.model.folder import TENSORS
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Net

CLASSES = ("dark", "grey", "light")


@pytest.fixture
def card(tiny: Net) -> DetectorCard:
    design = Design(
        net=tiny, size=(64, 96), taps=("inception2", "inception3"), rejecter="conv1",
        anchors=((10.0, 12.0), (24.0, 20.0)), channels=16, hidden=32, grid=5,
    )  # fmt: skip
    return DetectorCard(design=design, classes=CLASSES, preprocessing=Preprocessing(size=16))


@pytest.fixture
def detector(card: DetectorCard) -> SharedDetector:
    """An untrained one whose scores differ enough to be ranked."""
    model = DetectorNet(card.design, len(CLASSES), seed=1).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for part in (model.objectness, model.classifier, model.corrector, model.shifts):
            part.weight.normal_(0, 0.3, generator=generator)
        for part in model.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.running_mean.normal_(0, 0.1, generator=generator)
                part.running_var.uniform_(0.5, 2, generator=generator)
    return SharedDetector(model, CLASSES, card.preprocessing)


@pytest.fixture
def images() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (h, w, 3), np.uint8) for h, w in ((64, 96), (90, 50), (7, 31))]


@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_a_graph_gives_the_boxes_of_torch(
    kind: str, detector: SharedDetector, card: DetectorCard, images: list, tmp_path: Path
) -> None:
    agreement = export_detector(detector, card, kind, images, tmp_path / "graph")

    loaded, again = open_detector(tmp_path / "graph", threads=1)
    assert agreement.boxes > 50
    assert agreement.passed
    assert again == replace(card, exported=kind)
    assert compare([(loaded.detect(i), detector.detect(i)) for i in images]).passed


@pytest.mark.parametrize("kind", ["onnx", "openvino"])
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_graph_has_the_exit_for_regions(
    kind: str, share: float, detector: SharedDetector, card: DetectorCard, images: list,
    tmp_path: Path,
) -> None:  # fmt: skip
    """Where the exit answers all regions, the likeliest of each image is left in both."""
    looks = [detector.scan(image).candidates for image in images]
    logits = np.concatenate([look.objectness.numpy() for look in looks if look is not None])
    logit = float(np.quantile(logits, share)) + (1.0 if share == 1 else 0.0)
    leaving, of = replace(detector, region_exit=logit), replace(card, region_exit=logit)

    agreement = export_detector(leaving, of, kind, images, tmp_path / "graph")

    loaded, again = open_detector(tmp_path / "graph", threads=1)
    everywhere = [(loaded.detect(image), detector.detect(image)) for image in images]
    assert agreement.boxes > 0
    assert again.region_exit == logit
    assert not compare(everywhere).passed


def test_a_sparse_image_gives_the_same_boxes(
    card: DetectorCard, detector: SharedDetector, tmp_path: Path
) -> None:
    """Fewer proposals than places: nothing fills the rest, in torch as in the graph.

    The images have no border, whose cells would be equally likely: engines may rank them otherwise.
    """
    images = list(np.random.default_rng(0).integers(0, 256, (4, 64, 96, 3), np.uint8))
    with torch.no_grad():
        detector.model.shifts.weight.zero_()
        detector.model.shifts.bias.view(-1, 4)[:, 2:] = 10.0  # most become the whole image
    look = detector.scan(images[0]).candidates
    assert look is not None
    assert len(look.objectness) < card.design.proposals / 2

    assert export_detector(detector, card, "onnx", images, tmp_path / "graph").passed


def test_a_graph_that_differs_is_not_written(
    detector: SharedDetector, card: DetectorCard, images: list, tmp_path: Path
) -> None:
    other = replace(card, preprocessing=Preprocessing(size=16, mean=(0.1, 0.9, 0.5)))

    with pytest.raises(DeploymentError, match="the onnx graph does not agree"):
        export_detector(detector, other, "onnx", images, tmp_path / "graph")

    assert not (tmp_path / "graph").exists()


def test_a_graph_that_could_not_be_compared_is_not_written(
    detector: SharedDetector, card: DetectorCard, images: list, tmp_path: Path
) -> None:
    with torch.no_grad():
        detector.model.classifier.bias[0] += 100  # everything is background

    with pytest.raises(DeploymentError, match="nothing is found in 3 images"):
        export_detector(detector, card, "onnx", images, tmp_path / "graph")

    assert not (tmp_path / "graph").exists()
    assert not compare([(nothing(), nothing())]).passed


def test_images_with_objects_are_compared_first(
    detector: SharedDetector, card: DetectorCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_detector(tmp_path / "model", card, {TENSORS: weights_file(detector.model)})
    data = annotated.write_coco(tmp_path / "data", count=21)
    empty = next(image for image in open_detection(data).of("val") if not len(image))
    compared = list[np.ndarray]()

    def refuse(*given: Any) -> None:
        compared.extend(given[3])
        raise DeploymentError

    monkeypatch.setattr("inceptionkit.detection.shared.export.export_detector", refuse)
    monkeypatch.setattr(detect_export, "IMAGES", 6)
    with pytest.raises(DeploymentError):
        detect_export.detect_export(tmp_path / "model", data)

    assert len(compared) == 6
    assert not any(np.array_equal(pixels, empty.pixels()) for pixels in compared)


def test_anchors_of_the_graph_are_those_of_torch(card: DetectorCard) -> None:
    design = card.design
    grid = design.signal("inception2").size
    scale = (grid[0] / 64, grid[1] / 96)

    own = anchor_grid(grid, scale, torch.tensor(design.anchors))

    np.testing.assert_allclose(anchor_boxes(design), own, atol=1e-4)


@pytest.mark.parametrize(
    "damage", [lambda d: d[: len(d) // 2], lambda d: d[:-1] + b"!", lambda _: b""]
)
def test_a_damaged_graph_is_refused(
    damage: Callable, detector: SharedDetector, card: DetectorCard, images: list, tmp_path: Path
) -> None:
    export_detector(detector, card, "onnx", images[:1], tmp_path / "graph")
    path = tmp_path / "graph" / "detector.onnx"
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(WeightsError, match="copy the folder again"):
        open_detector(tmp_path / "graph")


def test_a_folder_without_a_detector_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no detector there"):
        read_detector_card(tmp_path)
