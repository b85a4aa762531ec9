"""Exported models that were cut short, edited, or made for another engine: one sentence each.

The sums in `model.json` are made to fit what was edited, as somebody would who edits on purpose;
that a sum does not fit is tested with the command line.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import inceptionkit
from inceptionkit.deployment.engines import openvino_model
from inceptionkit.deployment.files import graph_files
from inceptionkit.deployment.onnx import staged
from inceptionkit.errors import DeploymentError, InceptionError, WeightsError
from inceptionkit.files import sha256
from inceptionkit.model import Card, ExportInfo, write_files
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Net, tensors

Edit = Callable[[Any], None]
GRAPHS = {"onnx": "main.onnx", "openvino": "main.xml"}


@pytest.fixture(scope="session")
def whole_exports(tiny: Net, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An export of each kind."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("openvino")
    random = np.random.default_rng(0)
    own = {name: random.random(shape, np.float32) / 9 for name, shape in tensors(tiny)}
    preprocessing = Preprocessing(size=16)
    ((_, model),) = staged(tiny, own, preprocessing)
    models = {"onnx": model, "openvino": openvino_model(model.SerializeToString())}
    folders = {}
    for kind, model in models.items():
        exported = ExportInfo(kind=kind, precision="fp32", stages=("main",))
        card = Card(
            architecture=tiny,
            classes=tuple("0123456789"),
            preprocessing=preprocessing,
            exported=exported,
        )
        folders[kind] = tmp_path_factory.mktemp("exports") / kind
        write_files(folders[kind], card, graph_files(card, {"main": model}))
    return folders


@pytest.fixture
def copy(whole_exports: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """Gives an export of a kind, to be damaged."""

    def make(kind: str) -> Path:
        return Path(shutil.copytree(whole_exports[kind], tmp_path / kind))

    return make


def signed(folder: Path, edit: Edit | None = None) -> Path:
    """Edit the card, and make its sums fit the files."""
    card = json.loads((folder / "model.json").read_text())
    card["files"] = {name: sha256((folder / name).read_bytes()) for name in card["files"]}
    if edit:
        edit(card)
    (folder / "model.json").write_text(json.dumps(card))
    return folder


def ask(folder: Path) -> None:
    inceptionkit.load(folder).predict([np.zeros((20, 20, 3), np.uint8)])


@pytest.mark.parametrize("kind", GRAPHS)
def test_what_is_damaged_here_works_as_long_as_it_is_whole(
    copy: Callable[[str], Path], kind: str
) -> None:
    ask(signed(copy(kind)))


@pytest.mark.parametrize("kind", GRAPHS)
@pytest.mark.parametrize("keep", [0, 9, 1000, -99])
def test_a_graph_that_was_cut_short_is_refused(
    copy: Callable[[str], Path], kind: str, keep: int
) -> None:
    path = copy(kind) / GRAPHS[kind]
    path.write_bytes(path.read_bytes()[:keep])

    with pytest.raises(DeploymentError, match=r"the engine cannot run it \(.+\); export it again"):
        ask(signed(path.parent))


@pytest.mark.parametrize("keep", [0, 1000, -1])
def test_weights_that_were_cut_short_are_refused(copy: Callable[[str], Path], keep: int) -> None:
    path = copy("openvino") / "main.bin"
    path.write_bytes(path.read_bytes()[:keep])

    with pytest.raises(DeploymentError, match=r"the engine cannot run it \(Incorrect weights"):
        ask(signed(path.parent))


def edited(folder: Path, edit: Edit) -> Path:
    """Edit an ONNX graph as somebody would who knows the format."""
    onnx = pytest.importorskip("onnx")
    model = onnx.load(folder / "main.onnx")
    edit(model)
    onnx.save(model, folder / "main.onnx")
    return signed(folder)


def unknown_operator(model: Any) -> None:
    next(node for node in model.graph.node if node.op_type == "Softmax").op_type = "Teleport"


def operator_of_others(model: Any) -> None:
    model.opset_import.add(domain="others", version=1)
    node = next(node for node in model.graph.node if node.op_type == "Softmax")
    node.domain, node.op_type = "others", "Teleport"


def later_opset(model: Any) -> None:
    model.opset_import[0].version = 99


def later_format(model: Any) -> None:
    model.ir_version = 99


def other_input(model: Any) -> None:
    model.graph.input[0].type.tensor_type.elem_type = 1


@pytest.mark.parametrize(
    "edit", [unknown_operator, operator_of_others, later_opset, later_format, other_input]
)
def test_an_operator_or_format_that_the_engine_lacks_is_said(
    copy: Callable[[str], Path], edit: Edit
) -> None:
    with pytest.raises(DeploymentError, match="the engine cannot run it"):
        ask(edited(copy("onnx"), edit))


def test_an_operator_that_openvino_lacks_is_named(copy: Callable[[str], Path]) -> None:
    path = copy("openvino") / "main.xml"
    path.write_text(path.read_text().replace('type="SoftMax"', 'type="Teleport"'))

    with pytest.raises(DeploymentError, match=r"Teleport.*export it again"):
        ask(signed(path.parent))


def test_a_graph_that_gives_something_else_is_refused(copy: Callable[[str], Path]) -> None:
    path = copy("openvino") / "main.xml"
    path.write_text(path.read_text().replace('names="probabilities"', 'names="scores"'))

    with pytest.raises(DeploymentError, match="the graph of main does not give probabilities for"):
        ask(signed(path.parent))


def test_another_models_graph_is_refused(
    copy: Callable[[str], Path], tiny: Net, tmp_path: Path
) -> None:
    from inceptionkit.spec import with_classes

    net = with_classes(tiny, 4)
    own = {name: np.zeros(shape, np.float32) for name, shape in tensors(net)}
    ((_, graph),) = staged(net, own, Preprocessing(size=16))
    (copy("onnx") / "main.onnx").write_bytes(graph.SerializeToString())

    with pytest.raises(DeploymentError, match="does not give probabilities for 10 classes"):
        ask(signed(tmp_path / "onnx"))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kind": "tflite"}, "exported.kind must be onnx or openvino or torch, got 'tflite'"),
        ({"precision": "fp16"}, "exported.precision must be fp32 or bf16 or int8, got 'fp16'"),
        ({"server": "tfs"}, "exported.server must be ovms or triton, got 'tfs'"),
        ({"stages": []}, "the last stage must be 'main', got"),
        ({"stages": ["main", "first"]}, "the last stage must be 'main', got"),
        ({"stages": ["../../secret", "main"]}, "stages end at first, second, main, got"),
        ({"stages": ["second", "first", "main"]}, "stages end at first, second, main, got"),
        ({"resize": True}, "resize must be an object, got True"),
        ({"agreement": [1]}, "agreement must be an object, got"),
        (
            {"color": "red"},
            "unknown key 'color'; there are kind, precision, stages, agreement",
        ),
    ],
)
def test_a_card_that_makes_no_sense_is_refused(
    copy: Callable[[str], Path], changes: dict[str, Any], sentence: str
) -> None:
    folder = signed(copy("onnx"), lambda card: card["exported"].update(changes))

    with pytest.raises(WeightsError, match=sentence):
        ask(folder)


def test_an_export_whose_weights_are_no_numbers_is_refused(copy: Callable[[str], Path]) -> None:
    """Its own graph holds them, so that they are seen only in what it gives."""

    def spoil(model: Any) -> None:
        for held in model.graph.initializer:
            if held.data_type == 1 and len(held.raw_data) > 64:
                held.raw_data = np.full(len(held.raw_data) // 4, np.nan, "<f4").tobytes()

    with pytest.raises(WeightsError, match="gives probabilities that are not finite"):
        ask(edited(copy("onnx"), spoil))


@pytest.mark.parametrize("name", ["main.xml", "main.bin"])
def test_a_missing_file_is_named(copy: Callable[[str], Path], name: str) -> None:
    folder = copy("openvino")
    (folder / name).unlink()

    with pytest.raises(WeightsError, match=rf"{name}: cannot be read .* copy the whole model"):
        ask(folder)


@pytest.mark.parametrize("files", [{}, {"main.onnx": 7}, {"main.onnx": ""}])
def test_sums_that_are_none_are_refused(copy: Callable[[str], Path], files: Any) -> None:
    folder = signed(copy("onnx"), lambda card: card.update(files=files))

    with pytest.raises(WeightsError, match=r"its SHA-256 is not the one in model\.json"):
        ask(folder)


def test_a_torch_program_of_an_earlier_version_is_refused(copy: Callable[[str], Path]) -> None:
    folder = copy("onnx")
    (folder / "main.pt2").write_bytes(b"hello")

    def as_torch(card: Any) -> None:
        card["exported"]["kind"] = "torch"
        card["files"]["main.pt2"] = sha256(b"hello")

    with pytest.raises(DeploymentError, match="holds a torch program, which can run any code"):
        ask(signed(folder, as_torch))


@pytest.mark.parametrize("kind", GRAPHS)
def test_a_missing_engine_names_what_installs_it(
    copy: Callable[[str], Path], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("openvino", "onnxruntime"):
        monkeypatch.setitem(__import__("sys").modules, name, None)

    with pytest.raises(
        DeploymentError, match=r"is not installed; pip install 'inceptionkit\[deploy\]'"
    ):
        ask(copy(kind))


def test_an_onnx_model_runs_in_the_engine_that_is_there(
    copy: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)

    ask(copy("onnx"))


def test_an_engine_that_is_installed_and_broken_is_told(
    copy: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "onnxruntime.py").write_text("raise ImportError('libfoo.so: cannot open')")
    monkeypatch.delitem(__import__("sys").modules, "onnxruntime", raising=False)
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(InceptionError, match="onnxruntime is installed and cannot be imported"):
        ask(copy("onnx"))
