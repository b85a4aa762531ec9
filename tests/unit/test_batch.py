"""`inceptionkit.batch.Classifier`: batches of columns, as engines for many machines give them."""

import pickle
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import inceptionkit
from inceptionkit.batch import Classifier
from inceptionkit.errors import DataError, RecipeError, WeightsError
from inceptionkit.model import read_model, write_model


@pytest.fixture
def files(photos: Callable[..., Path]) -> list[Path]:
    place = photos(each=20)
    (place / "dark" / "3.png").write_bytes(b"no image")
    return sorted(place.rglob("*.png"))


def objects(values: Sequence[Any]) -> np.ndarray:
    found = np.empty(len(values), object)
    found[:] = values
    return found


def test_a_row_for_each_image_as_predict_answers_it(tiny_model: Path, files: list[Path]) -> None:
    paths = np.array([str(file) for file in files])
    batch = {"path": paths, "bytes": objects([file.read_bytes() for file in files])}
    found = Classifier(tiny_model, engine="onnxruntime")(batch)
    wanted = inceptionkit.predict(tiny_model, files).answers

    assert list(found) == ["path", "label", "probability", "exit", "error"]
    assert list(batch) == ["path", "bytes"]
    for number, answer in enumerate(wanted):
        row = {name: values[number] for name, values in found.items()}
        assert (row["path"], row["error"]) == (answer.path, answer.error)
        if answer.prediction is None:
            assert row["label"] is row["exit"] is None
            assert np.isnan(row["probability"])
        else:
            assert (row["label"], row["exit"]) == (answer.prediction.label, answer.prediction.exit)
            assert row["probability"] == pytest.approx(answer.prediction.probability, abs=1e-4)


def test_pixels_structs_and_what_is_no_image(tiny_model: Path, files: list[Path]) -> None:
    data = files[0].read_bytes()
    pixels = np.asarray(Image.open(files[0]))
    given = [data, bytearray(data), {"bytes": data, "path": "x"}, pixels]
    bad = [None, float("nan"), str(files[0]), {"path": str(files[0])}, pixels.astype(float), b""]
    found = Classifier(tiny_model, column="photo")({"photo": objects(given + bad)})

    assert len(set(found["probability"][:4].tolist())) == 1
    assert found["error"].tolist()[:4] == [None] * 4
    assert all(found["error"][4:])
    assert found["error"][6].endswith("got str"), "text names no file to read"
    stack = Classifier(tiny_model)({"image": np.stack([pixels, pixels])})
    assert stack["probability"].tolist() == found["probability"][:1].tolist() * 2
    assert Classifier(tiny_model)({"image": np.empty(0, object)})["label"].tolist() == []


def test_it_stops_at_exits(tiny_model: Path, files: list[Path]) -> None:
    batch = {"content": objects([files[0].read_bytes()])}

    assert Classifier(tiny_model, early_exit=0.0)(batch)["exit"].tolist() == ["first"]
    assert Classifier(tiny_model, early_exit="1")(batch)["exit"].tolist() == ["main"]
    with pytest.raises(RecipeError, match="no exit policy is stored"):
        Classifier(tiny_model, early_exit="stored")(batch)
    with pytest.raises(RecipeError, match="early-exit"):
        Classifier(tiny_model, early_exit="often")


def test_columns_that_do_not_fit(tiny_model: Path) -> None:
    with pytest.raises(DataError, match="no column image or bytes or content; there are path: say"):
        Classifier(tiny_model)({"path": objects(["a"])})
    with pytest.raises(DataError, match="no column photo; there are none"):
        Classifier(tiny_model, column="photo")({})
    with pytest.raises(DataError, match="a column 'label' already"):
        Classifier(tiny_model)({"image": objects([b""]), "label": objects(["a"])})
    with pytest.raises(WeightsError, match="none: no such model"):
        Classifier("runs/none")({"image": objects([b""])})


def test_it_is_sent_to_other_folders_and_loads_a_model_that_was_replaced(
    tiny_model: Path, tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_model, tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    sent = pickle.dumps(Classifier("model"))
    monkeypatch.chdir("/")
    classifier = pickle.loads(sent)  # noqa: S301 - made above
    batch = {"bytes": objects([files[0].read_bytes()])}
    before = classifier(batch)["label"].tolist()
    card, tensors = read_model(tmp_path / "model")
    shutil.rmtree(tmp_path / "model")
    write_model(tmp_path / "model", replace(card, classes=tuple("abcdefghij")), tensors)
    after = classifier(batch)["label"].tolist()

    assert after == ["abcdefghij"[int(before[0])]]
    assert repr(Classifier("a", early_exit=0.5)) == (
        "Classifier('a', early_exit=StopWhenSure(probability=0.5), threads=1)"
    )
