"""Folders as people have them: a table of trees, and what each means or why it is refused."""

import io
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from inceptionkit.data import open_dataset
from inceptionkit.errors import DataError

CLASSES = ("cat/1.png", "cat/2.png", "dog/1.png")


def image() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (5, 4), (9, 0, 0)).save(stream, "PNG")
    return stream.getvalue()


PNG = image()


def put(root: Path, names: Sequence[str]) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for name in names:
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            place.mkdir(exist_ok=True)
        else:
            text = place.suffix in {".txt", ".csv", ".md", ".xyz"}
            place.write_bytes(b"words" if text else PNG)
    return root


def packed(path: Path, names: Sequence[str]) -> Path:
    with zipfile.ZipFile(path, "w") as opened:
        for name in names:
            if not name.endswith("/"):
                text = name.endswith((".txt", ".csv", ".md", ".xyz"))
                opened.writestr(name, b"words" if text else PNG)
    return path


def below(*folders: str, names: Sequence[str] = CLASSES) -> list[str]:
    return [f"{folder}/{name}" for folder in folders for name in names]


def found(address: Path) -> dict[str | None, dict[str, int]]:
    """Set -> class -> images."""
    dataset = open_dataset(address)
    counts: dict[str | None, Counter[str]] = {}
    for one in dataset.samples:
        counts.setdefault(one.set, Counter())[dataset.classes[one.label]] += 1
    return {given: dict(of_set) for given, of_set in counts.items()}


BOTH = {"cat": 2, "dog": 1}
TWO = {"train": BOTH, "test": BOTH}
THREE = {"train": BOTH, "val": BOTH, "test": BOTH}

# what a tree means: its files, and the images of each class in each set
MEANS = [
    # names of sets
    (below("training_set", "test_set"), TWO),
    (below("seg_train", "seg_test"), TWO),
    (below("train_images", "val_images", "test_images"), THREE),
    (below("1_train", "2_val"), {"train": BOTH, "val": BOTH}),
    (below("01-Train", "02-Valid", "03-Test"), THREE),
    (below("TRAIN", "VAL", "TEST"), THREE),
    (below("TrainSet", "TestSet"), TWO),
    (below("trainset", "testset"), TWO),
    (below("training data", "validation data", "testing data"), THREE),
    (below("train2017", "val2017"), {"train": BOTH, "val": BOTH}),
    (below("train.split", "eval.split"), {"train": BOTH, "val": BOTH}),
    (below("trains", "tests"), TWO),
    (below("X_train", "X_test"), TWO),
    (below("imagesTr", "imagesTs"), TWO),
    (below("flowers_train", "flowers_test"), TWO),
    (below("ILSVRC2012_img_train", "ILSVRC2012_img_val"), {"train": BOTH, "val": BOTH}),
    (below("train", "held-out"), TWO),
    (below("training", "evaluation"), {"train": BOTH, "val": BOTH}),
    (below("entraînement", "validation", "test"), THREE),
    (below("Training", "Validierung", "Test"), THREE),
    (below("entrenamiento", "validación", "prueba"), THREE),
    (below("treino", "validação", "teste"), THREE),
    (below("addestramento", "validazione", "prova"), THREE),
    (below("обучение", "валидация", "тест"), THREE),
    (below("训练集", "验证集", "测试集"), THREE),
    (below("訓練", "検証", "テスト"), THREE),
    # every class divided by itself
    (["cat/train/1.png", "cat/test/2.png", "dog/train/1.png", "dog/test/1.png"],
     {"train": {"cat": 1, "dog": 1}, "test": {"cat": 1, "dog": 1}}),
    # a folder around everything, or around the classes of a set
    (below("photos"), {None: BOTH}),
    (below("my/flowers/data"), {None: BOTH}),
    (below("archive/train", "archive/test"), TWO),
    ([*below("photos"), "README.md", "scripts/run.txt"], {None: BOTH}),
    (below("seg_train/seg_train", "seg_test/seg_test"), TWO),
    (below("train/images", "test/images"), TWO),
    # unlabeled images
    ([*below("train"), "test/1.jpg", "test/2.jpg"], {"train": BOTH}),
    ([*below("train"), "test/test/1.jpg"], {"train": BOTH}),
    ([*CLASSES, "test/1.jpg", "test/2.jpg"], {None: BOTH}),
    ([*below("train"), "test/unknown/1.jpg"], {"train": BOTH}),
    ([*below("seg_train/seg_train", "seg_test/seg_test"), "seg_pred/seg_pred/1.jpg"], TWO),
    # what is no image
    ([*CLASSES, ".git/x/1.png", "@eaDir/cat/1.png", ".Trash/dog/1.png", "cat/.1.png"],
     {None: BOTH}),
    ([*CLASSES, "cat/a.jpg/3.png"], {None: {"cat": 3, "dog": 1}}),
    ([*CLASSES, "cat/0a1b2c", "dog/x.001"], {None: {"cat": 3, "dog": 2}}),
    ([*CLASSES, "cat/notes.txt", "dog/x.xyz"], {None: BOTH}),
    # folders that only look like sets
    (["bus/1.png", "train/1.png", "test/1.png"], {None: {"bus": 1, "test": 1, "train": 1}}),
    (["bullet_train/1.png", "rose/1.png"], {None: {"bullet_train": 1, "rose": 1}}),
    (["test_tube/1.png", "train_station/1.png", "contest/1.png"],
     {None: {"contest": 1, "test_tube": 1, "train_station": 1}}),
    (["cat/2019/1.png", "cat/2020/1.png", "dog/2019/1.png", "dog/2020/1.png"],
     {None: {"cat": 2, "dog": 2}}),
]  # fmt: skip

INTO = "put one folder per class into it"
IF_SETS = "call them train, val and test if they are sets, or merge them"
SAME = ", and hold the same folders 'cat', 'dog'"

# what a tree is refused with
REFUSED = [
    (["train/1.png", "test/2.png"], f"test/ holds images directly; {INTO}"),
    (["seg_train/1.png", "seg_test/2.png"], f"seg_test/ holds images directly; {INTO}"),
    (["train/1.png", "test/2.png", "train.csv"],
     f"test/ holds images directly; {INTO}, or give train.csv if it names their classes"),
    ([*below("train"), "val/1.png"], f"val/ holds images directly; {INTO}"),
    (below("training", "train_set"), "train_set/ and training/ both hold train; merge them"),
    ([*below("train"), "extra/1.png"],
     "extra/ holds images and lies beside train/; move it into a set, or away"),
    (["trainA/1.png", "trainB/1.png", "testA/1.png"],
     f"'testA', 'trainA', 'trainB' look like sets, not like classes; {IF_SETS}"),
    (below("trian", "tset"), f"'trian', 'tset' look like sets, not like classes{SAME}; {IF_SETS}"),
    (below("fold_0", "fold_1"),
     f"'fold_0', 'fold_1' look like sets, not like classes{SAME}; {IF_SETS}"),
    (below("part1", "part2"),
     f"'part1', 'part2' look like sets, not like classes{SAME}; {IF_SETS}"),
    (["cat/train/1.png", "cat/test/2.png", "dog/1.png"],
     "cat/ is divided into sets, dog/ is not; divide every class, or none"),
    (["1.png", "2.png", "labels.csv"],
     ("its images lie outside of class folders, the first is '1.png'; put the images of each class "
      "into a folder named after it, or give labels.csv if it names their classes")),
]  # fmt: skip


@pytest.mark.parametrize(("names", "means"), MEANS, ids=lambda value: str(value)[:60])
def test_a_tree_means(
    tmp_path: Path, names: list[str], means: dict[str | None, dict[str, int]]
) -> None:
    assert found(put(tmp_path / "data", names)) == means


@pytest.mark.parametrize(("names", "why"), REFUSED, ids=lambda value: str(value)[:60])
def test_a_tree_is_refused_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], why: str
) -> None:
    put(tmp_path / "data", names)
    packed(tmp_path / "data.zip", names)
    monkeypatch.chdir(tmp_path)
    for address in ("data", "data.zip"):
        with pytest.raises(DataError) as caught:
            open_dataset(address)

        assert str(caught.value) == f"{address}: {why}"


@pytest.mark.parametrize("names", [names for names, _ in MEANS], ids=lambda value: str(value)[:60])
def test_a_folder_around_everything_and_a_zip_change_nothing(
    tmp_path: Path, names: list[str]
) -> None:
    plain = open_dataset(put(tmp_path / "data", names))
    wrapped = open_dataset(put(tmp_path / "outer" / "inner", names).parent)
    zipped = open_dataset(packed(tmp_path / "data.zip", names))
    both = open_dataset(packed(tmp_path / "both.zip", [f"outer/{name}" for name in names]))
    rows = list(plain.samples)

    assert rows == list(wrapped.samples) == list(zipped.samples) == list(both.samples)
    assert plain.classes == wrapped.classes == zipped.classes == both.classes
    assert plain.fingerprint() == wrapped.fingerprint() == zipped.fingerprint()
    assert plain.skipped == wrapped.skipped == zipped.skipped
    for number in range(len(rows)):
        assert wrapped.root.joinpath(wrapped.read(number)).read_bytes() == PNG


def notes(address: Path) -> list[str]:
    return list(open_dataset(address).notes)


def test_what_was_decided_is_said(tmp_path: Path) -> None:
    unlabeled = put(tmp_path / "a", [*below("train"), "test/1.jpg", "test/2.jpg"])
    wrapped = put(tmp_path / "b", [*below("photos"), "photos/a.xyz", "photos/cat/b", "c/d.txt"])
    (tmp_path / "b" / "photos" / "cat" / "b").write_text("words")
    classes = put(tmp_path / "c", ["bus/1.png", "train/1.png", "test/1.png"])
    years = put(
        tmp_path / "d", ["cat/2019/1.png", "cat/2020/1.png", "dog/2019/1.png", "dog/2020/1.png"]
    )

    assert notes(unlabeled) == ["test/ is not used: 2 images without a class"]
    assert notes(wrapped) == [
        "everything lies in photos/",
        "left out 3 files that hold no image by name or content (.txt 1, .xyz 1, no ending 1)",
    ]
    assert notes(classes) == ["test/ and train/ counted as classes, like the folders beside"]
    assert notes(years) == [
        f"the classes are 'cat', 'dog', which hold the same folders; if not, {IF_SETS}"
    ]
    assert notes(put(tmp_path / "e", CLASSES)) == []


WORD = st.text("abcxyz", min_size=3, max_size=5).filter(lambda word: word != "tests")
TREES = st.dictionaries(WORD, st.lists(WORD, min_size=1, max_size=3, unique=True), min_size=2)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(tree=TREES, outer=st.lists(WORD, max_size=3), sets=st.booleans())
def test_no_wrapper_changes_what_a_tree_means(
    tmp_path_factory: pytest.TempPathFactory,
    tree: dict[str, list[str]],
    outer: list[str],
    sets: bool,
) -> None:
    place = tmp_path_factory.mktemp("tree")
    names = [f"{klass}/{name}.png" for klass, names in tree.items() for name in names]
    if sets:
        names = below("train", "test", names=names)
    plain = open_dataset(put(place / "plain", names))
    wrapped = open_dataset(packed(place / "x.zip", ["/".join([*outer, name]) for name in names]))

    assert plain.classes == wrapped.classes == tuple(sorted(tree))
    assert list(plain.samples) == list(wrapped.samples)
