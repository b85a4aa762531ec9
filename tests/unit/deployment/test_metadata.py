"""What a graph says of its model to programs that have the file alone."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

import inceptionkit
from inceptionkit.deployment.engines import openvino_model
from inceptionkit.deployment.files import metadata
from inceptionkit.deployment.memory import peak_when_deployed
from inceptionkit.model import read_card


@pytest.fixture(params=[False, True], ids=["plain", "resizing"])
def resize(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_onnx_runtime_finds_classes_and_preprocessing_in_the_file(
    tiny_model: Path, tmp_path: Path, resize: bool
) -> None:
    out = tmp_path / "out"
    inceptionkit.export(tiny_model, to="onnx", resize=resize, out=out, listener=None)
    card, _ = read_card(out)

    said = onnxruntime.InferenceSession(out / "main.onnx").get_modelmeta().custom_metadata_map
    assert said == metadata(card, "main")
    assert tuple(json.loads(said["classes"])) == card.classes
    assert json.loads(said["preprocessing"])["size"] == card.preprocessing.size
    assert said["inceptionkit"] == inceptionkit.__version__


def test_openvino_finds_the_same_in_its_file(
    tiny_model: Path, tmp_path: Path, resize: bool
) -> None:
    out = tmp_path / "out"
    inceptionkit.export(tiny_model, to="openvino", resize=resize, out=out, listener=None)
    card, _ = read_card(out)

    model = openvino_model(*((out / f"main.{end}").read_bytes() for end in ("xml", "bin")))
    info = model.get_rt_info()["model_info"]
    assert {key: getattr(info[key], "value", info[key]) for key in info} == metadata(card, "main")


def test_a_file_is_enough_to_classify_a_photograph(tiny_model: Path, tmp_path: Path) -> None:
    """The lines of docs/how-to/export.md, with nothing of ours."""
    out = tmp_path / "out"
    inceptionkit.export(tiny_model, to="onnx", resize=True, out=out, listener=None)
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 70, 3), np.uint8))

    session = onnxruntime.InferenceSession(out / "main.onnx")
    classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
    (probabilities,) = session.run(["probabilities"], {"image": np.asarray(photo)[None]})
    (answer,) = inceptionkit.load(out).predict([photo])
    assert classes[probabilities[0].argmax()] == answer.label
    assert probabilities[0].max() == pytest.approx(answer.probability, abs=1e-5)


def test_memory_is_that_of_a_process_which_loads_and_answers(tiny_model: Path) -> None:
    def copy(place: Path) -> None:
        place.symlink_to(tiny_model)

    peak = peak_when_deployed(copy, "onnxruntime", 1)

    assert peak is not None
    assert 2e7 < peak < 2e9


def test_memory_of_what_does_not_load_is_unknown() -> None:
    assert peak_when_deployed(Path.mkdir, "onnxruntime", 1) is None
