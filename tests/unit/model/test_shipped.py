"""Models that ship with the package: found by id, small on disk, exact when read, left alone."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

import inceptionkit
from inceptionkit.convert.registry import model_and_images, read_weights
from inceptionkit.errors import DataError, WeightsError
from inceptionkit.model import folder as folders
from inceptionkit.model import read_card, read_model, shipped, write_model, write_policy
from inceptionkit.model.exit_policy import ExitPolicy, Gate

ID = "inceptionkit/small"


@pytest.fixture
def small(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model that ships, with half the bytes."""
    card, tensors = read_model(tiny_model)
    half = {n: v.astype(np.float16) if v.ndim > 1 else v for n, v in tensors.items()}
    card = replace(card, origin={**card.origin, "knows": "ten digits"}, metrics={"top1": 0.42})
    monkeypatch.setattr(folders, "SHIPPED", tmp_path / "pretrained")
    (tmp_path / "pretrained").mkdir()
    write_model(tmp_path / "pretrained" / "small", card, half)
    return tmp_path / "pretrained" / "small"


def test_an_id_is_a_model_folder(small: Path) -> None:
    card, tensors = read_weights(ID)
    stored = load_file(small / "model.safetensors")

    assert shipped() == (ID,)
    assert {v.dtype for v in tensors.values()} == {np.dtype(np.float32)}
    assert any(v.dtype == np.float16 for v in stored.values())
    assert all(np.array_equal(tensors[n], v.astype(np.float32)) for n, v in stored.items())
    assert inceptionkit.load(ID).card.classes == card.classes


def test_an_unknown_id_is_refused_with_those_there_are(small: Path) -> None:
    with pytest.raises(WeightsError, match="smal ships with this installation; it has incep"):
        read_weights("inceptionkit/smal")
    (small / "model.json").unlink()
    with pytest.raises(WeightsError, match="it has none"):
        read_weights(ID)


def test_it_stays_as_it_is(small: Path) -> None:
    before = (small / "model.json").read_bytes()
    card, _ = read_card(small)
    name = card.architecture.exits[0].name
    with pytest.raises(WeightsError, match="ships with the package"):
        write_policy(Path(ID), ExitPolicy(gates=(Gate(exit=name, confidence=0.5),)))

    assert (small / "model.json").read_bytes() == before


def test_predict_answers_with_it_where_no_model_is_given(small: Path, photos: Callable) -> None:
    folder, heard = photos(each=1), []
    done = inceptionkit.predict(folder, on_answer=heard.append)
    same = inceptionkit.predict(small, [folder])

    assert heard[0] == f"{ID}: knows ten digits, and names 42% of them right"
    assert [one.prediction.top for one in done.answers if one.prediction] == [
        one.prediction.top for one in same.answers if one.prediction
    ]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("model", "images", "wanted"),
    [
        ("a.png", (), (ID, ("a.png",))),
        ("gone.JPG", ("b",), (ID, ("gone.JPG", "b"))),
        ("photos", ("b.png",), (ID, ("photos", "b.png"))),
        ("s3://bucket/x.tar", (), (ID, ("s3://bucket/x.tar",))),
        ("weights.pth", ("a.png",), ("weights.pth", ("a.png",))),
        ("torchvision/googlenet", "a.png", ("torchvision/googlenet", ("a.png",))),
        (ID, ["a.png"], (ID, ("a.png",))),
        ("run", ("a.png",), ("run", ("a.png",))),
        ("no/such/run", ("a.png",), ("no/such/run", ("a.png",))),
    ],
)
def test_the_first_argument_is_a_model_or_an_image(
    model: str,
    images: object,
    wanted: object,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (4, 4)).save("a.png")
    (tmp_path / "photos").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")

    assert model_and_images(model, images) == wanted  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "said"), [(ID, "give the images, too"), ("no/such", "no such image or model")]
)
def test_a_model_alone_is_not_enough(model: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        model_and_images(model, ())


SHIPPED = shipped()


@pytest.mark.parametrize("model", SHIPPED)
def test_what_ships_is_whole_small_and_says_where_it_comes_from(model: str) -> None:
    folder = folders.SHIPPED / model.rpartition("/")[2]
    card, sums = read_card(folder)
    text = (folder / "CARD.md").read_text()

    assert {path.name for path in folder.iterdir()} == {*sums, "model.json"}
    assert {n: sha256((folder / n).read_bytes()).hexdigest() for n in sums} == sums
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 12_000_000
    assert sums["model.safetensors"] in text
    assert {"data", "knows", "license", "terms"} <= card.origin.keys()
    assert "/" not in json.dumps(card.origin["data"])  # no place on somebody's machine
    with (folder / "classes.csv").open(newline="", encoding="utf-8") as file:
        assert [row["class"] for row in csv.DictReader(file)] == sorted(card.classes)


@pytest.mark.skipif(ID not in SHIPPED, reason="no model ships with this checkout")
def test_what_ships_recognizes_photographs(tmp_path: Path) -> None:
    """Two of scikit-learn's (CC BY): a temple in China, and a dahlia, for which it has no class."""
    from sklearn.datasets import load_sample_image

    Image.fromarray(load_sample_image("china.jpg")).save(tmp_path / "china.png")
    (answer,) = inceptionkit.predict(tmp_path / "china.png").answers

    assert answer.prediction is not None
    top = {label for label, _ in answer.prediction.top}
    assert top & {"temple-east asia", "palace", "courtyard", "monastery-outdoor", "mountain"}
