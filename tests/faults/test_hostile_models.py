"""Model folders from strangers, each with sums that fit: none runs code or reads other files."""

import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import inceptionkit
from inceptionkit.api.export import export
from inceptionkit.cli import main
from inceptionkit.errors import DeploymentError, InceptionError
from inceptionkit.files import sha256

pytestmark = pytest.mark.fault

GRAPHS = {"onnx": "main.onnx", "openvino": "main.xml", "torch": "main.safetensors"}


class Bomb:
    """Runs a command where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.mark}",)


@pytest.fixture(scope="module")
def exports(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("openvino")
    place = tmp_path_factory.mktemp("exports")
    return {kind: export(tiny_model, out=place / kind, to=kind).folder for kind in GRAPHS}


@pytest.fixture
def forged(exports: dict[str, Path], tmp_path: Path) -> Callable[..., Path]:
    """Gives an export whose graph was replaced, under its name or another."""

    def make(kind: str, graph: bytes, name: str = "") -> Path:
        folder = Path(shutil.copytree(exports[kind], tmp_path / f"{kind}-forged"))
        (folder / (name or GRAPHS[kind])).write_bytes(graph)
        card = json.loads((folder / "model.json").read_text())
        names = {*card["files"], name or GRAPHS[kind]}
        card["files"] = {one: sha256((folder / one).read_bytes()) for one in names}
        (folder / "model.json").write_text(json.dumps(card))
        return folder

    return make


def ask(folder: Path, engine: str = "auto") -> None:
    model = inceptionkit.load(folder, engine=engine)  # type: ignore[arg-type]
    model.predict([np.zeros((20, 20, 3), np.uint8)])


def program(mark: Path) -> bytes:
    """A torch program each of whose parts that torch evaluates runs a command."""
    code, symbol = pickle.dumps(Bomb(mark)), f"__import__('os').system('touch {mark}')"
    graph = {
        "graph_module": {"graph": {"sym_int_values": {"s0": {"as_expr": {"expr_str": symbol}}}}},
        "range_constraints": {symbol: {"min_val": 0, "max_val": 1}},
    }
    path = mark.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/archive_format", "pt2")
        file.writestr("archive/version", "0")
        file.writestr("archive/models/model.json", json.dumps(graph))
        for slot in ("sample_inputs/model.pt", "weights/weight_0", "constants/opaque_0"):
            file.writestr(f"archive/data/{slot}", code)
        file.writestr("archive/data.pkl", code)
    return path.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("kind", GRAPHS)
@pytest.mark.parametrize("form", ["a program of torch", "a pickle"])
@pytest.mark.parametrize("name", ["", "main.pt2"])
def test_code_in_a_graph_is_never_run(
    forged: Callable[..., Path], tmp_path: Path, kind: str, form: str, name: str
) -> None:
    mark = tmp_path / "ran"
    bad = program(mark) if form == "a program of torch" else pickle.dumps(Bomb(mark))
    folder = forged(kind, bad, name)
    for engine in ("auto", "openvino", "onnxruntime", "torch"):
        try:
            ask(folder, engine)
        except InceptionError:
            continue

        assert name, "the graph itself is none"
        assert kind != "torch"
    photo = inceptionkit.__path__[0] + "/data/digits.png"
    main(["predict", str(folder), photo])
    main(["bench", str(folder), "--json"])

    assert not mark.exists()


def elsewhere(model: Any, place: str, form: str) -> None:
    """Let a constant of an ONNX graph lie in another file."""
    onnx = pytest.importorskip("onnx")
    tensor = model.graph.initializer[0]
    if form == "in a branch":  # where a search through the graph alone does not look
        tensor = onnx.TensorProto(name="hidden", data_type=1, dims=[1])
        branch = onnx.helper.make_graph([], "branch", [], [], [tensor])
        model.graph.node.append(onnx.helper.make_node("If", [""], ["y"], then_branch=branch))
        tensor = model.graph.node[-1].attribute[0].g.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", place


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("form", ["plain", "in a branch"])
@pytest.mark.parametrize("place", ["weights", "{cwd}/weights", "../{name}/weights", "/dev/zero"])
def test_weights_in_other_files_are_never_read(
    exports: dict[str, Path],
    forged: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    engine: str,
    form: str,
    place: str,
) -> None:
    onnx = pytest.importorskip("onnx")
    monkeypatch.chdir(tmp_path)
    os.mkfifo("weights")  # whoever opens it waits for ever
    model = onnx.load(exports["onnx"] / "main.onnx")
    elsewhere(model, place.format(cwd=tmp_path, name=tmp_path.name), form)

    with pytest.raises(DeploymentError, match="weights in other files"):
        ask(forged("onnx", model.SerializeToString()), engine)


def test_an_onnx_graph_under_the_name_of_openvinos_is_not_read(
    exports: dict[str, Path], forged: Callable[..., Path]
) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(exports["onnx"] / "main.onnx")
    elsewhere(model, "/dev/zero", "plain")

    with pytest.raises(DeploymentError, match="it is not XML"):
        ask(forged("openvino", model.SerializeToString()))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ('type="SoftMax" version="opset8"', 'type="SoftMax" version="extension"'),
        ('type="SoftMax"', 'type="Template"'),
        (
            '<?xml version="1.0"?>',
            '<?xml version="1.0"?><!DOCTYPE n [<!ENTITY e SYSTEM "/dev/zero">]>',
        ),
    ],
)
def test_extensions_of_openvino_are_refused_or_nothing(
    exports: dict[str, Path], forged: Callable[..., Path], ours: str, theirs: str
) -> None:
    graph = (exports["openvino"] / "main.xml").read_text()

    assert ours in graph
    folder = forged("openvino", graph.replace(ours, theirs).encode())
    if "DOCTYPE" in theirs:  # read as if it were not there
        ask(folder)
        return
    with pytest.raises(DeploymentError, match="the engine cannot run it"):
        ask(folder)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("domain", ["others", "com.microsoft", "org.openvinotoolkit"])
def test_operators_of_others_are_refused(
    exports: dict[str, Path], forged: Callable[..., Path], engine: str, domain: str
) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(exports["onnx"] / "main.onnx")
    model.opset_import.add(domain=domain, version=1)
    node = next(node for node in model.graph.node if node.op_type == "Softmax")
    node.domain, node.op_type = domain, "PyOp"

    with pytest.raises(DeploymentError, match="the engine cannot run it"):
        ask(forged("onnx", model.SerializeToString()), engine)
