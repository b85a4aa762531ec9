"""An R-CNN carries the proposer that it was trained with."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from inceptionkit.detection.load import load
from inceptionkit.detection.proposals import candidates, selective_search
from inceptionkit.detection.rcnn.card import RcnnCard
from inceptionkit.detection.rcnn.model import load_rcnn, write_rcnn
from inceptionkit.detection.rcnn.proposer import PROPOSER, load_proposer
from inceptionkit.detection.rcnn.settings import RegionSettings
from inceptionkit.detection.shared.card import DetectorCard, write_detector
from inceptionkit.detection.shared.design import Design
from inceptionkit.detection.shared.model import weights_file
from inceptionkit.detection.shared.network import DetectorNet
from inceptionkit.errors import WeightsError
from inceptionkit.model.folder import CARD, TENSORS
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Net

HOW = RegionSettings(proposals=50)


@pytest.fixture
def trained(tiny: Net, tmp_path: Path) -> Path:
    """A run of `detect train` whose network is as it was drawn."""
    design = Design(
        net=tiny, size=(64, 96), taps=("inception2", "inception3"), rejecter="conv1",
        anchors=((10.0, 12.0), (24.0, 20.0)), channels=16, hidden=32, grid=5,
    )  # fmt: skip
    card = DetectorCard(design=design, classes=("disc",), preprocessing=Preprocessing(size=16))
    net = DetectorNet(design, 1, seed=1)
    write_detector(tmp_path / "run" / "model", card, {TENSORS: weights_file(net)})
    return tmp_path / "run"


@pytest.fixture
def rcnn(trained: Path, tmp_path: Path) -> Path:
    card = RcnnCard(classes=("disc",), classifiers=(), settings=HOW)
    write_rcnn(tmp_path / "rcnn", card, [], None, trained)
    return tmp_path / "rcnn"


def test_it_looks_at_the_regions_of_both_without_the_run_that_they_come_from(
    rcnn: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    expected = candidates(image, HOW.search, load_proposer(trained))
    shutil.rmtree(trained)
    seen = list[np.ndarray]()

    detector = load(rcnn).detector
    monkeypatch.setattr(
        type(detector), "detect_among", lambda _, __, proposals: seen.append(proposals)
    )
    detector.detect(image)

    np.testing.assert_array_equal(seen[0], expected)
    assert 0 < len(expected) <= 50
    assert {tuple(box) for box in expected.tolist()} - {
        tuple(box) for box in selective_search(image, HOW.search).tolist()
    }


def test_without_one_it_searches_alone(tmp_path: Path) -> None:
    write_rcnn(
        tmp_path / "rcnn", RcnnCard(classes=("disc",), classifiers=(), settings=HOW), [], None
    )

    detector, card = load_rcnn(tmp_path / "rcnn")

    assert (detector.proposer, card.proposer) == (None, None)
    assert not (tmp_path / "rcnn" / PROPOSER).exists()


def test_another_proposer_is_refused(rcnn: Path) -> None:
    card = rcnn / PROPOSER / CARD
    card.write_text(json.dumps(json.loads(card.read_text()) | {"show": 0.1}))

    with pytest.raises(WeightsError, match=r"model\.json: it is not the file that model\.json nam"):
        load_rcnn(rcnn)
    shutil.rmtree(rcnn / PROPOSER)
    with pytest.raises(WeightsError, match="cannot be read"):
        load_rcnn(rcnn)


def test_an_export_proposes_nothing(trained: Path) -> None:
    card = trained / "model" / CARD
    card.write_text(json.dumps(json.loads(card.read_text()) | {"exported": "onnx"}))

    with pytest.raises(WeightsError, match="give the run that it was exported from"):
        load_proposer(trained)
