"""Damaged records and weights, by the thousand: our error, or what can be used; never another."""

import io
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import mutants
import numpy as np
import pytest
from caffe_writer import caffemodel
from safetensors.numpy import save

import inceptionkit
from inceptionkit.cli import main
from inceptionkit.convert.formats import caffe, keras, pytorch, safetensors, tensorflow
from inceptionkit.derive import cost
from inceptionkit.errors import InceptionError
from inceptionkit.model import read_card, read_model
from inceptionkit.report.compare_page import compare_runs, render
from inceptionkit.report.finished_run import finished_run
from inceptionkit.training.run.record import read_record

pytestmark = pytest.mark.fault

COUNTS = [200, pytest.param(20_000, marks=pytest.mark.slow)]
QUICK = ("--arch", "compact", "--input", "8", "--epochs", "1", "--precision", "fp32")
ARRAYS = {
    "first/weights": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "first/biases": np.array([0.5, -1.0], np.float32),
}


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run on the digits."""
    folder = tmp_path_factory.mktemp("finished") / "digits"
    assert main(["train", "digits", *QUICK, "--out", str(folder), "--quiet", "batch=64"]) == 0
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def used(use: Callable[[], object]) -> bool:
    """Whether it could be used; any error but ours comes out."""
    try:
        use()
    except InceptionError as error:
        assert "\n" not in str(error)
        return False
    return True


# --- Values of run.json and model.json ---


def deep() -> Any:
    value: Any = 1
    for _ in range(200):
        value = [value]
    return value


VALUES = [
    None, True, 0, -1, 10**30, 1e308, float("nan"), "text", "", "\x1b[31m", [], ["x"], {}, {"a": 1},
    deep(), KeyError,
]  # fmt: skip


def changes(data: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in JSON."""
    pairs = data.items() if isinstance(data, dict) else ()
    for key, value in enumerate(data) if isinstance(data, list) else pairs:
        yield (*at, key)
        yield from changes(value, (*at, key))


def changed(data: Any, at: tuple[Any, ...], value: Any) -> Any:
    """The same JSON with another value in one place; KeyError takes the place away."""
    data = json.loads(json.dumps(data))
    here = data
    for key in at[:-1]:
        here = here[key]
    if value is KeyError:
        del here[at[-1]]
    else:
        here[at[-1]] = value
    return data


@pytest.mark.parametrize(
    ("name", "count"),
    [("run.json", 60), pytest.param("run.json", 1_548, marks=pytest.mark.slow)],
)
def test_no_change_to_a_runs_record_breaks_the_comparison(
    finished: Path, run: Path, name: str, count: int
) -> None:
    """Of 1,548 such changes 226 ended as a defect once."""
    path = run / name
    whole = json.loads(path.read_text())
    cases = [(at, value) for at in changes(whole) for value in VALUES]
    random = np.random.default_rng(3)
    refused = 0
    for number in random.choice(len(cases), count, replace=False).tolist():
        path.write_text(json.dumps(changed(whole, *cases[number])))
        refused += not used(lambda: render(compare_runs([finished, run])))

    assert refused > count / 3


@pytest.mark.parametrize(
    "keys", [("made_at",), pytest.param(("result", "data", "versions"), marks=pytest.mark.slow)]
)
def test_no_change_to_what_a_page_shows_of_a_run_breaks_the_comparison(
    finished: Path, run: Path, keys: tuple[str, ...]
) -> None:
    """All of what the page shows, not a draw of it."""
    path = run / "run.json"
    whole = json.loads(path.read_text())
    for at in changes({key: whole[key] for key in keys}):
        if at[:2] == ("data", "classes") and at[2:] not in {(), (0,)}:
            continue
        for value in VALUES:
            path.write_text(json.dumps(changed(whole, at, value)))
            used(lambda: render(compare_runs([finished, run])))


@pytest.mark.parametrize("count", [100, pytest.param(3_000, marks=pytest.mark.slow)])
def test_no_change_to_a_models_card_breaks_its_readers(run: Path, count: int) -> None:
    path = run / "model" / "model.json"
    whole = json.loads(path.read_text())
    cases = [(at, value) for at in changes(whole) for value in [*VALUES, 2**40, 2**14]]
    random = np.random.default_rng(4)
    for number in random.choice(len(cases), count, replace=False).tolist():
        path.write_text(json.dumps(changed(whole, *cases[number])))
        used(lambda: read_model(run))
        used(lambda: inceptionkit.describe(str(path)).to_json())


# --- Bytes ---


@pytest.mark.parametrize("count", COUNTS)
def test_every_damaged_record_of_a_run_is_read_or_refused(run: Path, count: int) -> None:
    path = run / "run.json"
    for number, (_, content) in enumerate(mutants.mutants(count, {path.name: path.read_bytes()})):
        path.write_bytes(content)
        if used(lambda: read_record(run)) and number % 50 == 0:
            used(lambda: render(compare_runs([run, run])))


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", ["predictions.csv", "log.csv", "unusable.csv"])
def test_every_damaged_table_of_a_run_is_read_or_refused(
    run: Path, name: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("inceptionkit.report.finished_run"), "cost", cache(cost))
    record, path = read_record(run), run / name
    whole = path.read_bytes()[:2_000].rpartition(b"\n")[0] + b"\n"
    whole += b"a/1.png,truncated\n" if name == "unusable.csv" else b""
    for number, (_, content) in enumerate(mutants.mutants(count, {name: whole})):
        path.write_bytes(content)
        if used(lambda: finished_run(run, record, record.result)) and number % 50 == 0:
            used(lambda: render(compare_runs([run, run])))


@pytest.mark.parametrize("count", COUNTS)
def test_every_damaged_card_is_read_or_refused(run: Path, count: int) -> None:
    path = run / "model" / "model.json"
    whole = {path.name: path.read_bytes()}
    for number, (_, content) in enumerate(mutants.mutants(count, whole)):
        path.write_bytes(content)
        if used(lambda: read_card(path.parent)) and number % 50 == 0:
            used(lambda: inceptionkit.describe(str(path)))


def hdf5(h5py: ModuleType, **how: str) -> bytes:
    data = io.BytesIO()
    with h5py.File(data, "w", **how) as file:
        file["layers/conv/vars/0"] = ARRAYS["first/weights"]
        file["layers/conv/vars/1"] = ARRAYS["first/biases"]
        file["layers"].attrs["name"] = "layers"
        file.attrs["layer_names"] = [b"conv", b"pool"]
    return data.getvalue()


def weights(kind: str, folder: Path) -> tuple[bytes, Callable[[Path], object]]:  # noqa: PLR0911
    """A small file of each importer, and its reader."""
    match kind:
        case "caffemodel":
            layers = {"conv/1": list(ARRAYS.values()), "fc": [np.ones((3, 4))]}
            return caffemodel(layers), caffe.read
        case "safetensors":
            return save(ARRAYS), safetensors.read
        case "ckpt" | "index":
            writer = pytest.importorskip("checkpoint_writer", reason="google-crc32c is missing")
            if kind == "ckpt":
                writer.write_slices(folder / "v1", ARRAYS)
                return (folder / "v1").read_bytes(), tensorflow.read
            writer.write_bundle(folder / "x", ARRAYS)
            return (folder / "x.index").read_bytes(), tensorflow.read
        case "pth" | "pt":
            torch = pytest.importorskip("torch")
            stream = io.BytesIO()
            state = {name: torch.from_numpy(value) for name, value in ARRAYS.items()}
            torch.save(state, stream, _use_new_zipfile_serialization=kind == "pth")
            return stream.getvalue(), pytorch.read
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    if kind != "keras":
        return hdf5(h5py, **({"libver": "latest"} if kind == "hdf5" else {})), keras.read
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", hdf5(h5py))
    return stream.getvalue(), keras.read


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize(
    "kind",
    ["caffemodel", "safetensors", "ckpt", "index", "pth", "pt", "h5", "hdf5", "keras"],
)
def test_every_damaged_file_of_weights_is_read_or_refused(
    tmp_path: Path, kind: str, count: int
) -> None:
    whole, read = weights(kind, tmp_path)
    path = tmp_path / f"x.{kind}"
    path.write_bytes(whole)

    assert used(lambda: read(path))
    for _, content in mutants.mutants(count, {path.name: whole}, misnamed=False):
        path.write_bytes(content)
        used(lambda: read(path))
