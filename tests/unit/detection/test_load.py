"""The device that a detector runs on, as it is asked for."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from inceptionkit.api.detect_predict import detect_predict
from inceptionkit.detection.load import load
from inceptionkit.detection.rcnn.card import RcnnCard
from inceptionkit.detection.rcnn.model import write_rcnn
from inceptionkit.detection.rcnn.settings import RegionSettings
from inceptionkit.detection.shared.card import DetectorCard, write_detector
from inceptionkit.detection.shared.design import Design
from inceptionkit.detection.shared.model import weights_file
from inceptionkit.detection.shared.network import DetectorNet
from inceptionkit.errors import DataError, RecipeError
from inceptionkit.model.folder import TENSORS
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Net


@pytest.fixture
def card(tiny: Net) -> DetectorCard:
    design = Design(
        net=tiny, size=(64, 96), taps=("inception2", "inception3"), rejecter="conv1",
        anchors=((10.0, 12.0),), channels=16, hidden=32, grid=5,
    )  # fmt: skip
    return DetectorCard(design=design, classes=("a",), preprocessing=Preprocessing(size=16))


@pytest.fixture
def detector(card: DetectorCard, tmp_path: Path) -> Path:
    model = DetectorNet(card.design, 1, seed=0).eval()
    card = replace(card, preprocessing=replace(card.preprocessing, depth=12))
    write_detector(tmp_path / "model", card, {TENSORS: weights_file(model)})
    return tmp_path / "model"


def test_without_a_wish_a_gpu_is_taken_if_there_is_one(
    detector: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[str]()
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    module = sys.modules["inceptionkit.network.build"]  # the function `build` hides it
    monkeypatch.setattr(module, "check_device", asked.append)
    monkeypatch.setattr("torch.nn.Module.to", lambda self, *_, **__: self)

    for wish in (None, "gpu", "cpu", "cuda:1"):
        load(detector, device=wish)

    assert asked == ["cuda", "cuda", "cpu", "cuda:1"]


@pytest.mark.parametrize(
    ("device", "says"),
    [("gpu", "has no GPU; leave --device out"), ("gqu", "there is no device 'gqu'")],
)
def test_a_device_that_is_not_there_is_one_sentence(
    device: str, says: str, detector: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)

    with pytest.raises(RecipeError, match=says):
        detect_predict(detector, "x.png", device=device)


def test_a_graph_takes_no_device(card: DetectorCard, tmp_path: Path) -> None:
    write_detector(tmp_path / "graph", replace(card, exported="onnx"), {"detector.onnx": b""})

    with pytest.raises(RecipeError, match="an exported graph runs on the CPU; leave --device out"):
        load(tmp_path / "graph", device="gpu")


def test_what_is_loaded_knows_the_depth_of_its_images(detector: Path) -> None:
    assert load(detector).depth == 12


def test_an_rcnn_knows_the_depth_of_its_images(tmp_path: Path) -> None:
    card = RcnnCard(classes=("a",), classifiers=(), settings=RegionSettings(), depth=12)
    write_rcnn(tmp_path / "rcnn", card, [], None)

    assert load(tmp_path / "rcnn").depth == 12


def test_a_file_that_would_be_overwritten_is_refused_before_anything_is_loaded(
    tmp_path: Path,
) -> None:
    (tmp_path / "found.csv").write_text("kept")

    with pytest.raises(DataError, match="is there already"):
        detect_predict("nowhere", "x.png", csv=tmp_path / "found.csv")
