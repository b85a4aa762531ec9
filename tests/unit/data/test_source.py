"""Which columns and classes of a dataset count, and names of classes that look alike."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inceptionkit.data import decode_sample, open_dataset
from inceptionkit.data.types import Source
from inceptionkit.errors import DataError


def refusal(source: Source) -> str:
    with pytest.raises(DataError) as caught:
        open_dataset(source)
    return str(caught.value)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("ape", "bee", "cat, big", "dog")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(2):
            image = Image.new("RGB", (5, 4), (10 * number + index, 0, 0))
            image.save(tmp_path / "photos" / name / f"{index}.png")
    return Path("photos")


@pytest.mark.parametrize(
    ("given", "classes"),
    [
        ("dog,ape", ("dog", "ape")),
        (" dog , ape ", ("dog", "ape")),
        (["dog", "cat, big"], ("dog", "cat, big")),
        ('"cat, big",bee', ("cat, big", "bee")),
    ],
)
def test_only_the_classes_that_are_asked_for_count(
    photos: Path, given: str | list[str], classes: tuple[str, ...]
) -> None:
    whole, dataset = open_dataset(photos), open_dataset(Source(photos, given))

    assert dataset.classes == classes
    assert len(dataset.samples) == 4
    assert {s.name.partition("/")[0] for s in dataset.samples} == set(classes)
    for number, sample in enumerate(dataset.samples):
        assert sample.name.startswith(f"{classes[sample.label]}/")
        same = [s.name for s in whole.samples].index(sample.name)
        assert np.array_equal(decode_sample(dataset, number), decode_sample(whole, same))
    assert dataset.notes == ("2 other classes left out, as --classes asks",)
    assert dataset.fingerprint() != whole.fingerprint()


def test_classes_that_cannot_be_chosen_are_refused(photos: Path) -> None:
    assert refusal(Source(photos, "ape,bea")) == (
        "photos: --classes: there is no class 'bea'; did you mean 'bee'?"
    )
    assert refusal(Source(photos, "ape,ape")) == (
        "photos: --classes names 'ape' twice; name each class once"
    )
    assert refusal(Source(photos, " , ")) == (
        "photos: --classes names no class; give names with commas between them"
    )


def test_classes_of_digits_and_of_row_groups_can_be_chosen(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="needs the extra inceptionkit[data]")
    pq = pytest.importorskip("pyarrow.parquet", reason="needs the extra inceptionkit[data]")
    two = open_dataset(Source("digits", "3,8"))
    pngs = []
    for number in range(9):
        stream = io.BytesIO()
        Image.new("L", (4, 4), number).save(stream, "PNG")
        pngs.append(stream.getvalue())
    table = pa.table({"image": pngs, "label": [*"abcabcabc"]})
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=3)
    dataset = open_dataset(Source(tmp_path / "x.parquet", "c,a"))

    assert two.classes == ("3", "8")
    assert not two.allows_flip
    assert len(two.samples) == 183 + 174
    assert [int(decode_sample(dataset, n)[0, 0, 0]) for n in range(6)] == [0, 2, 3, 5, 6, 8]
    assert dataset.samples.labels.tolist() == [1, 0] * 3
    assert dataset.blocks is not None
    assert dataset.blocks.starts.tolist() == [0, 2, 4]
    assert len(dataset.blocks.sizes) == 6


@pytest.mark.usefixtures("photos")
def test_columns_that_are_named_count() -> None:
    table = Path("x.csv")
    table.write_text(
        "path,thumb,label,genus\nphotos/ape/0.png,photos/dog/0.png,a,x\n"
        "photos/ape/1.png,photos/dog/1.png,b,y\n"
    )
    dataset = open_dataset(Source(table, image_column="thumb", label_column="genus"))

    assert dataset.classes == ("x", "y")
    assert [one.name for one in dataset.samples] == ["photos/dog/0.png", "photos/dog/1.png"]
    assert refusal(Source(table, label_column="genius")) == (
        "x.csv: --label-column: no column 'genius' among path, thumb, label, genus; "
        "did you mean 'genus'?"
    )


def test_columns_of_parquet_that_are_named_count(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="needs the extra inceptionkit[data]")
    pq = pytest.importorskip("pyarrow.parquet", reason="needs the extra inceptionkit[data]")
    columns = {"left": [b"l"] * 2, "right": [b"r"] * 2, "kind": ["a", "b"], "class": ["x", "y"]}
    place = tmp_path / "x.parquet"
    pq.write_table(pa.table(columns), place)
    dataset = open_dataset(Source(place, image_column="right", label_column="kind"))

    assert dataset.classes == ("a", "b")
    assert dataset.read(0) == b"r"
    assert refusal(Source(place, image_column="kind")) == (
        f"{place}: --image-column: no column 'kind' among left, right; give the name of one of them"
    )
    assert "--label-column: no column 'sort' among" in refusal(
        Source(place, image_column="left", label_column="sort")
    )


@pytest.mark.parametrize(
    ("names", "note"),
    [
        (("Cat", "cat"), "'Cat' and 'cat'"),
        (("caf\u00e9", "cafe\u0301"), "'cafe\u0301' and 'caf\u00e9'"),
        (("1", "01"), "'01' and '1'"),
        (("big cat", "big_cat"), "'big cat' and 'big_cat'"),
        (("cat", "cat "), "'cat' and 'cat '"),
        (("class1", "class01"), "'class01' and 'class1'"),
        (("stra\u00dfe", "STRASSE"), "'STRASSE' and 'stra\u00dfe'"),
    ],
)
def test_class_names_that_look_alike_are_said(
    tmp_path: Path, names: tuple[str, str], note: str
) -> None:
    stream = io.BytesIO()
    Image.new("L", (4, 4)).save(stream, "PNG")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as opened:
        for name in (*names, "other"):
            opened.writestr(f"{name}/1.png", stream.getvalue())
    dataset = open_dataset(tmp_path / "x.zip")

    assert len(dataset.classes) == 3
    assert dataset.notes == (
        f"classes {note} look alike: if they are one, give their images to one of them",
    )


@pytest.mark.parametrize("names", [("a1", "a2"), ("C", "C++"), ("1", "10"), ("-1", "1")])
def test_class_names_that_differ_are_not(tmp_path: Path, names: tuple[str, str]) -> None:
    for name in names:
        (tmp_path / "x" / name).mkdir(parents=True)
        Image.new("L", (4, 4)).save(tmp_path / "x" / name / "1.png")

    assert open_dataset(tmp_path / "x").notes == ()
