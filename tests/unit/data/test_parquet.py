"""Parquet in the Hugging Face image layout."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inceptionkit.data import Unusable, decode_sample, decode_samples, open_dataset
from inceptionkit.errors import DataError
from inceptionkit.preprocess import Preprocessing

pa = pytest.importorskip("pyarrow", reason="needs the extra inceptionkit[data]")
pq = pytest.importorskip("pyarrow.parquet", reason="needs the extra inceptionkit[data]")

SHARED = Path(__file__).parents[4] / "shared" / "data"


def png(value: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (4, 3), (value, 0, 0)).save(stream, "PNG")
    return stream.getvalue()


def write(
    place: Path,
    labels: list[object],
    names: list[str] | None = None,
    images: list[bytes | None] | None = None,
) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    images = [png(n) for n in range(len(labels))] if images is None else images
    cells = [{"bytes": image, "path": f"{n}.png"} for n, image in enumerate(images)]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"image": pa.array(cells, kind), "label": pa.array(labels)})
    if names:
        noted = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(noted)})
    pq.write_table(table, place, row_group_size=2)
    return place


def refusal(address: str | Path) -> str:
    with pytest.raises(DataError) as caught:
        open_dataset(address)
    return str(caught.value)


def test_names_of_classes_stand_in_the_metadata(tmp_path: Path) -> None:
    dataset = open_dataset(write(tmp_path / "x.parquet", [1, 0, 1, 1, 0], ["rose", "daisy"]))

    assert dataset.classes == ("rose", "daisy")
    assert dataset.samples[4].name == "x.parquet#4"
    assert dataset.samples[4].set is None
    assert dataset.samples.labels.tolist() == [1, 0, 1, 1, 0]
    assert [int(decode_sample(dataset, n)[0, 0, 0]) for n in (4, 0, 2, 1, 3)] == [4, 0, 2, 1, 3]


@pytest.mark.parametrize("below", ["", "data"])
def test_shards_are_sets_by_their_names(tmp_path: Path, below: str) -> None:
    for name in ("train-00000-of-00002", "train-00001-of-00002", "validation-0", "test-0"):
        write(tmp_path / below / f"{name}.parquet", [0, 1], ["a", "b"])
    (tmp_path / "README.md").touch()
    dataset = open_dataset(tmp_path)
    place = f"{below}/" if below else ""

    assert [(s.name, s.set) for s in dataset.samples][::2] == [
        (f"{place}test-0.parquet#0", "test"),
        (f"{place}train-00000-of-00002.parquet#0", "train"),
        (f"{place}train-00001-of-00002.parquet#0", "train"),
        (f"{place}validation-0.parquet#0", "val"),
    ]
    assert int(decode_sample(dataset, 5)[0, 0, 0]) == 1


def test_labels_may_be_words_or_bare_numbers(tmp_path: Path) -> None:
    words = open_dataset(write(tmp_path / "words.parquet", ["pear", "apple", "pear"]))
    numbers = open_dataset(write(tmp_path / "numbers.parquet", [2, 0, 1]))

    assert words.classes == ("apple", "pear")
    assert words.samples.labels.tolist() == [1, 0, 1]
    assert numbers.classes == ("0", "1", "2")
    assert numbers.allows_flip, "bare numbers say nothing about what the classes are"


def test_classes_of_shards_are_matched_by_name(tmp_path: Path) -> None:
    write(tmp_path / "test.parquet", [0, 1], ["b", "a"])
    write(tmp_path / "train.parquet", [0, 1], ["a", "b"])
    dataset = open_dataset(tmp_path)

    assert [dataset.classes[s.label] for s in dataset.samples] == ["b", "a", "a", "b"]


def test_two_classes_of_one_name_stay_two(tmp_path: Path) -> None:
    dataset = open_dataset(write(tmp_path / "x.parquet", [0, 1, 2], ["crane", "ox", "crane"]))

    assert dataset.classes == ("crane", "ox", "crane (2)")


def test_a_row_without_bytes_is_unusable(tmp_path: Path) -> None:
    place = write(tmp_path / "x.parquet", [0, 1, 1], ["a", "b"], [png(0), None, b"text"])
    loaded = decode_samples(open_dataset(place), range(3), Preprocessing(size=3).fit)

    assert loaded.indices.tolist() == [0]
    assert loaded.unusable == (
        Unusable("x.parquet#1", "the row holds no bytes"),
        Unusable("x.parquet#2", "not an image"),
    )


def test_what_cannot_be_used_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("negative.parquet"), [0, -1], ["a", "b"])
    write(Path("absent.parquet"), [0, None], ["a", "b"])
    write(Path("none.parquet"), np.zeros(0, np.int64).tolist(), ["a"])
    write(Path("mixed/train-0.parquet"), [0, 1])
    write(Path("mixed/more.parquet"), [0, 1])
    write(Path("half/train-0.parquet"), [0, 0], ["a", "b"])
    write(Path("half/test-0.parquet"), [0, 1], ["a", "b"])
    pq.write_table(pa.table({"img": [b"x"], "klass": [0]}), "columns.parquet")
    Path("text.parquet").write_text("no")
    rows = "remove the file, or its rows"

    assert refusal("negative.parquet") == (
        f"negative.parquet: label -1 of 1 rows has no class, there are 2; {rows}"
    )
    assert refusal("absent.parquet") == f"absent.parquet: 1 rows have no label; {rows}"
    assert refusal("none.parquet") == "none.parquet: it has no rows; choose another file"
    assert refusal("mixed") == (
        "mixed: 'more.parquet' is not named after a set, others are; "
        "name files train-*.parquet, val-* or test-*"
    )
    assert refusal("half") == (
        "half: train lacks 'b'; add images of every class to train, or spell the names alike"
    )
    assert refusal("columns.parquet") == (
        "columns.parquet: no column 'label' among img, klass; rename the one that holds it"
    )
    assert refusal("text.parquet").startswith("text.parquet: it cannot be read as Parquet (Parquet")


def test_without_pyarrow_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write(tmp_path / "x.parquet", [0, 1])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)

    assert refusal(place.name) == (
        "x.parquet: reading Parquet needs pyarrow, which is not installed; run pip install pyarrow"
    )


@pytest.mark.parametrize(
    ("name", "images", "classes"),
    [("cifar10", 60_000, 10), ("flowers", 4_317, 5), ("imagenet-samples", 1_000, 1_000)],
)
def test_public_sets_are_understood(name: str, images: int, classes: int) -> None:
    place = SHARED / name
    if not place.is_dir():
        pytest.skip(f"needs the data set {name} in ../shared/data")
    dataset = open_dataset(place)
    chosen = [0, images // 2, images - 1]
    loaded = decode_samples(dataset, chosen, Preprocessing(size=32).fit)

    assert (len(dataset.samples), len(dataset.classes)) == (images, classes)
    assert loaded.indices.tolist() == chosen
    assert loaded.pixels.std() > 0
