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
        "columns.parquet: no column 'label' among img, klass; choose one with --label-column"
    )
    assert refusal("text.parquet").startswith("text.parquet: it cannot be read as Parquet (Parquet")


def test_a_file_of_one_row_group_is_never_in_memory_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """24 MB of rows of 30 kB, in pages of 1 MB."""
    monkeypatch.setattr("inceptionkit.data.sources.parquet._PIECE_BYTES", 2**20)
    random = np.random.default_rng(0)
    images = [random.bytes(30_000) for _ in range(800)]
    table = pa.table({"image": images, "label": [n // 400 for n in range(800)]})
    place = tmp_path / "x.parquet"
    pq.write_table(table, place, use_dictionary=False, write_batch_size=16)
    del table
    dataset, before, most = open_dataset(place), pa.total_allocated_bytes(), 0
    order = [*range(800), *random.permutation(800)[:20].tolist()]
    for index in order:
        assert dataset.read(index) == images[index]
        most = max(most, pa.total_allocated_bytes() - before)

    assert pq.ParquetFile(place).num_row_groups == 1
    assert most < 12e6


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


def tabled(
    place: Path, columns: dict[str, object], names: dict[str, list[str]] | None = None
) -> Path:
    """Write a file with a column of images, and these; `names` are those of their classes."""
    count = len(next(iter(columns.values())))  # type: ignore[arg-type]
    table = pa.table({"image": [png(n) for n in range(count)], **columns})
    if names:
        features = {name: {"names": of, "_type": "ClassLabel"} for name, of in names.items()}
        noted = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": noted})
    place.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, place)
    return place


def shown(address: Path) -> list[tuple[str, str | None]]:
    dataset = open_dataset(address)
    return [(dataset.classes[one.label], one.set) for one in dataset.samples]


INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
ABBA = [("a", None), ("b", None), ("b", None), ("a", None)]
NUMBERS = [("0", None), ("1", None), ("1", None), ("0", None)]

# what the columns mean: class and set of each row
MEANS = [
    *(({"label": pa.array([0, 1, 1, 0], kind)}, None, NUMBERS) for kind in INTEGERS),
    *(({"label": pa.array([0, 1, 1, 0], kind)}, {"label": ["a", "b"]}, ABBA) for kind in INTEGERS),
    *(({"label": pa.array([0.0, 1.0, 1.0, 0.0], kind)}, None, NUMBERS)
      for kind in ("float32", "float64")),
    ({"label": pa.array([0.0, 1.0, 1.0, 0.0])}, {"label": ["a", "b"]}, ABBA),
    ({"label": pa.array([False, True, True, False])}, None,
     [("False", None), ("True", None), ("True", None), ("False", None)]),
    ({"label": pa.array(["a", "b", "b", "a"])}, None, ABBA),
    ({"label": pa.array(["a", "b", "b", "a"], pa.large_string())}, None, ABBA),
    ({"label": pa.array(["a", "b", "b", "a"]).dictionary_encode()}, None, ABBA),
    ({"label": pa.array([0, 1, 1, 0]).dictionary_encode()}, None, NUMBERS),
    ({"label": pa.array([b"a", b"b", b"b", b"a"])}, None, ABBA),
    ({"label": pa.array([["a"], ["b"], ["b"], ["a"]])}, None, ABBA),
    # classes that do not occur, and numbers that do not begin at 0
    ({"label": [2, 0, 0, 2]}, {"label": ["b", "none", "a", "nobody"]}, ABBA),
    ({"label": [1, 2, 2, 1]}, None, [("1", None), ("2", None), ("2", None), ("1", None)]),
    ({"label": [7, 4_000_000, 4_000_000, 7]}, None,
     [("7", None), ("4000000", None), ("4000000", None), ("7", None)]),
    # other names of columns
    ({"class": ["a", "b", "b", "a"]}, None, ABBA),
    ({"Category": ["a", "b", "b", "a"]}, None, ABBA),
    ({"fine_label": ["a", "b", "b", "a"], "coarse_label": ["x", "x", "x", "x"]}, None, ABBA),
    ({"kind": [0, 1, 1, 0]}, {"kind": ["a", "b"]}, ABBA),
    # sets
    ({"label": ["a", "b", "b", "a"], "split": ["train", "train", "test", "test"]}, None,
     [("a", "train"), ("b", "train"), ("b", "test"), ("a", "test")]),
    ({"label": ["a", "b", "b", "a"], "is_valid": [False, False, True, True]}, None,
     [("a", "train"), ("b", "train"), ("b", "val"), ("a", "val")]),
    ({"label": ["a", "b", "b", "a"], "set": pa.array(["train", "train", "dev", "dev"])
      .dictionary_encode()}, None,
     [("a", "train"), ("b", "train"), ("b", "val"), ("a", "val")]),
]  # fmt: skip


@pytest.mark.parametrize(("columns", "names", "means"), MEANS)
def test_columns_mean(
    tmp_path: Path,
    columns: dict[str, object],
    names: dict[str, list[str]] | None,
    means: list[tuple[str, str | None]],
) -> None:
    assert shown(tabled(tmp_path / "x.parquet", columns, names)) == means


ONE = "give each image one label: images of several classes cannot be learned"
WHOLE = "give each image the name of a class, or a whole number"
ROWS = "remove the file, or its rows"

# what columns are refused with
REFUSED = [
    ({"label": pa.array([["a", "b"], ["a"]])}, None,
     f"a row has several labels, ['a', 'b']; {ONE}"),
    ({"label": [0.5, 1.0]}, None, f"a row has the label 0.5; {WHOLE}"),
    ({"label": [0.0, float("nan")]}, None, f"1 rows have no label; {ROWS}"),
    ({"label": ["a", None]}, None, f"1 rows have no label; {ROWS}"),
    ({"label": [None, None]}, None, "no row has a label; choose another file"),
    ({"label": [-1, -1]}, None, "no row has a label; choose another file"),
    ({"label": [-2, 1]}, None, f"label -2 of 1 rows has no class; {ROWS}"),
    ({"label": [1, 2]}, {"label": ["a", "b"]}, ("label 2 of 1 rows has no class, there are 2; "
     "subtract 1 from every label: names are counted from 0")),
    ({"class": ["a", "b"], "category": ["x", "y"]}, None,
     "'class', 'category' may hold the labels; choose one with --label-column"),
    ({"label": ["a", "b"], "split": ["train", "B"]}, None,
     "column 'split': no set is called 'B'; there are train, val, test"),
    ({"label": ["a", "b"], "split": ["train", None]}, None,
     "1 rows have no set in column 'split', others have; give every row one, or remove the column"),
    ({"label": ["a", "b"], "fold": [0, 1]}, None,
     ("column 'fold' numbers folds, which does not say what to train on; write train, val and test "
     "into a column 'split', or remove it")),
]  # fmt: skip


@pytest.mark.parametrize(("columns", "names", "why"), REFUSED)
def test_columns_are_refused_with_advice(
    tmp_path: Path,
    columns: dict[str, object],
    names: dict[str, list[str]] | None,
    why: str,
) -> None:
    place = tabled(tmp_path / "x.parquet", columns, names)

    assert refusal(place) == f"{place}: {why}"


def test_files_without_images_or_with_several_columns_of_them_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"file_name": ["1.jpg"], "label": ["a"]}), tmp_path / "names.parquet")
    two = {"left": [b"x"], "right": [b"y"], "label": ["a"]}
    pq.write_table(pa.table(two), tmp_path / "two.parquet")

    assert refusal(tmp_path / "names.parquet").endswith(
        "no column of images among file_name, label; "
        "store the bytes of each file; files that have names belong into a .csv manifest"
    )
    assert refusal(tmp_path / "two.parquet").endswith(
        "'left', 'right' may hold the images; choose one with --image-column"
    )


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    names = {"label": ["a", "none", "b"]}
    tabled(tmp_path / "train.parquet", {"label": [0, 2, 2, 0]}, names)
    tabled(tmp_path / "test.parquet", {"label": [-1, -1]}, names)
    dataset = open_dataset(tmp_path)

    assert dataset.classes == ("a", "b")
    assert dataset.notes == (
        "test.parquet is not used: 2 images without a class",
        "left out 1 class without an image: 'none'",
    )
    assert int(decode_sample(dataset, 1)[0, 0, 0]) == 1
