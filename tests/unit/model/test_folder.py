"""The model folder: there and back, whole or not at all, and every kind of damage."""

import copy
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save, save_file

from inceptionkit.errors import InceptionError, RunError, WeightsError
from inceptionkit.files import sha256
from inceptionkit.model import Card, read_card, read_model, write_model
from inceptionkit.model.folder import CARD, write_files
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Net, tensors

CLASSES = tuple("0123456789")


@pytest.fixture(scope="module")
def card(tiny: Net) -> Card:
    return Card(
        architecture=tiny,
        classes=CLASSES,
        preprocessing=Preprocessing(size=16, crop=0.875, mean=(0.1, 0.2, 0.3)),
        metrics={"top1": 0.5},
        origin={"data": "digits", "seed": 3},
    )


@pytest.fixture(scope="module")
def arrays(tiny: Net) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {n: random.normal(size=s).astype(np.float32) for n, s in tensors(tiny)}


@pytest.fixture
def folder(tmp_path: Path, card: Card, arrays: dict[str, np.ndarray]) -> Path:
    write_model(tmp_path / "model", card, arrays)
    return tmp_path / "model"


def refusal(path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        read_model(path)
    return str(caught.value)


def change_card(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    data = json.loads((folder / "model.json").read_text())
    change(data)
    (folder / "model.json").write_text(json.dumps(data))


def test_there_and_back(folder: Path, card: Card, arrays: dict[str, np.ndarray]) -> None:
    read, found = read_model(folder)

    assert read == card
    assert found.keys() == arrays.keys()
    for name, value in arrays.items():
        assert found[name].dtype == np.float32
        assert np.array_equal(found[name], value)
    assert sorted(p.name for p in folder.parent.iterdir()) == ["model"]
    assert sorted(p.name for p in folder.iterdir()) == ["model.json", "model.safetensors"]


def test_the_card_holds_the_fingerprint_of_the_tensors(folder: Path) -> None:
    data = json.loads((folder / "model.json").read_text())

    assert data["format"] == 1
    assert data["files"] == {
        "model.safetensors": sha256((folder / "model.safetensors").read_bytes())
    }


def test_a_run_folder_stands_for_its_model(folder: Path, card: Card) -> None:
    assert read_model(folder.parent)[0] == card


def test_writing_again_replaces_the_model(
    folder: Path, card: Card, arrays: dict[str, np.ndarray]
) -> None:
    write_model(folder, replace(card, metrics={"top1": 0.9}), arrays)

    assert read_model(folder)[0].metrics == {"top1": 0.9}
    assert sorted(p.name for p in folder.parent.iterdir()) == ["model"]


def test_tensors_that_do_not_fit_are_not_written(
    tmp_path: Path, card: Card, arrays: dict[str, np.ndarray]
) -> None:
    wrong = {k: v for k, v in arrays.items() if k != "head.1.fc.bias"}
    with pytest.raises(WeightsError) as caught:
        write_model(tmp_path / "model", card, wrong)

    assert str(caught.value) == (
        f"{tmp_path / 'model'}: 1 tensors do not fit tiny: head.1.fc.bias: missing"
    )
    assert list(tmp_path.iterdir()) == []


def test_an_old_model_survives_a_failed_write(
    folder: Path, card: Card, arrays: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        del handle
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RunError, match="No space left on device"):
        write_model(folder, replace(card, metrics={}), arrays)

    assert read_model(folder)[0] == card
    assert sorted(p.name for p in folder.parent.iterdir()) == ["model"]


def test_nothing_there(tmp_path: Path) -> None:
    gone = tmp_path / "gone"

    assert refusal(gone) == f"{gone}: no such model; give a model folder or a run folder"
    assert refusal(tmp_path) == (
        f"{tmp_path}: no model there, it holds no model.json; give a model folder or a run folder"
    )
    (tmp_path / "run.json").write_text("{}")
    assert refusal(tmp_path) == (
        f"{tmp_path}: this run has no model yet; finish it with `inceptionkit resume {tmp_path}`"
    )


def test_a_wrong_format(folder: Path) -> None:
    change_card(folder, lambda data: data.update(format=2))

    assert refusal(folder) == (
        f"{folder / 'model.json'}: format must be 1, got 2; "
        "use the version of inceptionkit that wrote it"
    )


def test_a_missing_tensor(folder: Path) -> None:
    """With a right fingerprint: somebody rewrote both files."""
    place = folder / "model.safetensors"
    found = load_file(place)
    del found["trunk.conv1.bn.running_mean"]
    save_file(found, place)
    change_card(folder, lambda d: d["files"].update({place.name: sha256(place.read_bytes())}))

    assert refusal(folder) == (
        f"{folder}: 1 tensors do not fit tiny: trunk.conv1.bn.running_mean: missing"
    )


@pytest.mark.parametrize("where", [0, 9, -1])
def test_a_flipped_byte(folder: Path, where: int) -> None:
    place = folder / "model.safetensors"
    content = bytearray(place.read_bytes())
    content[where] ^= 1
    place.write_bytes(content)

    assert refusal(folder) == (
        f"{place}: its SHA-256 is not the one in model.json, the file is damaged or from another "
        "model; copy the model folder again"
    )


def test_a_file_that_is_no_safetensors(folder: Path) -> None:
    place = folder / "model.safetensors"
    place.write_bytes(b"no tensors")
    change_card(folder, lambda d: d["files"].update({place.name: sha256(b"no tensors")}))

    assert refusal(folder).startswith(f"{place}: not a safetensors file (")


@pytest.mark.parametrize("length", [0, 1, 500])
def test_truncated_json(folder: Path, length: int) -> None:
    place = folder / "model.json"
    place.write_text(place.read_text()[:length])

    assert refusal(folder).startswith(f"{place}: cannot be read as JSON (")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.pop("classes"), "'classes' is missing"),
        (lambda d: d.update(color="red"), "unknown key 'color'"),
        (lambda d: d["architecture"].update(depth=3), "architecture: unknown key 'depth'"),
        (lambda d: d["architecture"].pop("head"), "architecture: 'head' is missing"),
        (lambda d: d["preprocessing"].update(crop=0), "preprocessing: crop must be above 0"),
        (
            lambda d: d["preprocessing"].update(interpolation="cubic"),
            "preprocessing.interpolation must be nearest or bilinear or",
        ),
        (lambda d: d.update(preprocessing=5), "preprocessing"),
        (lambda d: d.update(classes=["a", "b"]), "10 outputs and 2 classes"),
        (lambda d: d.update(classes=["a"] * 10), "two classes have the same name"),
        (lambda d: d.update(classes="0123456789"), "classes must be a list"),
        (lambda d: d.update(files=5), ""),
        (lambda d: d.update(metrics="high"), ""),
    ],
)
def test_a_damaged_card(
    folder: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    change_card(folder, change)
    found = refusal(folder)

    assert found.startswith(f"{folder / 'model.json'}: ")
    assert said in found
    assert found.endswith("; copy the model folder again")
    assert "\n" not in found


anything = st.none() | st.booleans() | st.integers(-2, 20) | st.text(max_size=4) | st.lists(
    st.integers(0, 3), max_size=2
) | st.dictionaries(st.text(max_size=3), st.integers(0, 3), max_size=2)  # fmt: skip


def places(data: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    many = isinstance(data, list | dict)
    keys = data.keys() if isinstance(data, dict) else range(len(data) if many else 0)
    return [here, *(place for key in keys for place in places(data[key], (*here, key)))]


@settings(max_examples=150, deadline=None)
@given(choose=st.randoms(use_true_random=False), value=anything)
def test_no_damage_of_the_card_gives_anything_but_a_card_or_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, card: Card, choose: Any, value: Any
) -> None:
    folder = tmp_path_factory.getbasetemp() / "card"
    shutil.rmtree(folder, ignore_errors=True)
    write_files(folder, card, {"model.safetensors": b""})
    good = json.loads((folder / CARD).read_text())
    data = copy.deepcopy(good)
    *path, last = choose.choice(places(good)[1:])
    inner = data
    for key in path:
        inner = inner[key]
    inner[last] = value
    (folder / "model.json").write_text(json.dumps(data))
    try:
        read_card(folder)
    except InceptionError as error:
        assert str(folder / "model.json") in str(error)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda value: np.full_like(value, np.nan), "got values that are not finite"),
        (lambda value: np.full_like(value, -np.inf), "got values that are not finite"),
        (lambda value: value.astype(np.float64), "got float64"),
        (lambda value: value.astype(np.int32), "got int32"),
    ],
)
def test_weights_are_finite_float32(
    folder: Path, card: Card, arrays: dict[str, np.ndarray], spoil: Callable, said: str
) -> None:
    name = next(iter(arrays))
    data = save(arrays | {name: spoil(arrays[name])})
    write_files(folder, card, {"model.safetensors": data})

    assert f"{name} must be finite float32, {said}; " in refusal(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["preprocessing"].update(size=17), "preprocessing.size is not the side of"),
        (
            lambda d: (
                d["preprocessing"].update(size=2**14),
                d["architecture"].update(image=[3, 2**14, 2**14]),
            ),
            "cells of one image, the limit is 536,870,912",
        ),
        (
            lambda d: d["architecture"].update(image=[3, 2**40, 1]),
            "an image has a channel and 1 to 16,384 cells each way",
        ),
        (lambda d: d["origin"].update(seed=2**70), "origin.seed must be a whole number of usual"),
        (lambda d: d["metrics"].update(top1=7), "metrics.top1 must be between 0 and 1, got 7"),
        (lambda d: d["metrics"].update(mood=7), "metrics: unknown key 'mood'"),
    ],
)
def test_a_card_claims_nothing_that_no_model_has(folder: Path, change: Callable, said: str) -> None:
    change_card(folder, change)

    assert said in refusal(folder)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": NaN}', "1" * 10_000, "\xff", " " * 2**25])
def test_a_card_that_is_no_plain_json_is_refused(folder: Path, text: str) -> None:
    (folder / "model.json").write_bytes(text.encode("latin-1") + b" ")

    assert "model.json: cannot be read as JSON" in refusal(folder)
