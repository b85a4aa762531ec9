"""Manifests: tables of images, as people and their programs write them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from inceptionkit.data import Dataset, Sample, Unusable, decode_sample, open_dataset
from inceptionkit.errors import DataError


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Path]:
    """Writes images 0.png to 3.png and a manifest beside them."""

    def write(content: str | bytes, name: str = "labels.csv") -> Path:
        for number in range(4):
            Image.new("RGB", (5, 4), (number, 0, 0)).save(tmp_path / f"{number}.png")
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        open_dataset(path)
    return str(caught.value).removeprefix(f"{path}: ")


TABLES = {
    "labels.csv": "path,label,split\n0.png,rose,train\n1.png,daisy,train\n2.png,rose,val\n"
    "3.png,daisy,val\n",
    "labels.tsv": "label\tpath\tsplit\nrose\t0.png\ttrain\ndaisy\t1.png\ttrain\n"
    "rose\t2.png\tvalidation\ndaisy\t3.png\tvalidation\n",
    "labels.jsonl": '{"path": "0.png", "label": "rose", "split": "train"}\n'
    '{"path": "1.png", "label": "daisy", "split": "train", "more": [1]}\n\n'
    '{"path": "2.png", "label": "rose", "split": "dev"}\n'
    '{"path": "3.png", "label": "daisy", "split": "dev"}\n',
}


@pytest.mark.parametrize("name", TABLES)
def test_every_kind_says_path_label_and_split(put: Callable, name: str) -> None:
    dataset = open_dataset(put(TABLES[name], name))

    assert dataset.classes == ("daisy", "rose")
    assert list(dataset.samples) == [
        Sample("0.png", 1, "train"),
        Sample("1.png", 0, "train"),
        Sample("2.png", 1, "val"),
        Sample("3.png", 0, "val"),
    ]
    assert [int(decode_sample(dataset, n)[0, 0, 0]) for n in range(4)] == [0, 1, 2, 3]
    assert dataset.skipped == ()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\xef\xbb\xbfpath,label\r\n0.png,a\r\n1.png,b\r\n", id="BOM and CRLF"),
        pytest.param("path,label\n0.png,a\n1.png,b\n".encode("utf-16"), id="UTF-16"),
        pytest.param(b"path;label\n0.png;a\n1.png;b\n", id="semicolons"),
        pytest.param(b' Path , LABEL \n"0.png",a\n1.png, b \n\n', id="quotes and spaces"),
        pytest.param(b"path,label\n.\\0.png,a\n.\\1.png,b", id="backslashes, no last line end"),
        pytest.param(b"path,label,note\n0.png,a,x\n1.png,b,y\n", id="another column"),
    ],
)
def test_tables_are_read_however_they_were_saved(put: Callable, content: bytes) -> None:
    dataset = open_dataset(put(content))

    assert dataset.classes == ("a", "b")
    assert [int(decode_sample(dataset, n)[0, 0, 0]) for n in range(2)] == [0, 1]


def test_paths_may_be_absolute_and_names_not_utf8(put: Callable, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9.png")
    manifest = put(b"path,label\ncaf\xe9.png,a\n" + os.fsencode(tmp_path / "1.png") + b",b\n")
    (tmp_path / "0.png").rename(odd)
    dataset = open_dataset(manifest)

    assert sorted(dataset.samples.names) == [str(tmp_path / "1.png"), "caf\\xe9.png"]
    assert sorted(int(decode_sample(dataset, n)[0, 0, 0]) for n in range(2)) == [0, 1]


def test_what_a_line_lacks_repeats_or_contradicts_is_listed(put: Callable) -> None:
    dataset = open_dataset(
        put(
            "path,label\n0.png,a\n1.png,b\n./0.png,a\n2.png,a\n2.png,b\ngone.png,a\n,a\n"
            "3.png,\n3.png,a,b\n"
        )
    )

    assert [sample.name for sample in dataset.samples] == ["0.png", "1.png"]
    assert sorted(dataset.skipped, key=lambda one: one.name) == [
        Unusable("gone.png", "cannot be read: no such file or directory"),
        Unusable("labels.csv:10", "the line has 3 fields, the first line has 2"),
        Unusable("labels.csv:4", "the line repeats line 2"),
        Unusable("labels.csv:5", "the line is contradicted by another"),
        Unusable("labels.csv:6", "the line contradicts line 5: 'a' there, 'b' here"),
        Unusable("labels.csv:8", "the line has no path"),
        Unusable("labels.csv:9", "the line has no label"),
    ]


def test_lines_that_are_no_json_objects_are_listed(put: Callable) -> None:
    lines = '{"path": "0.png", "label": 0}\nno\n[1]\n{"path": "1.png", "label": 1}\n'
    dataset = open_dataset(put(lines, "labels.jsonl"))

    assert dataset.classes == ("0", "1")
    assert [one.reason for one in dataset.skipped] == ["the line is not a JSON object"] * 2


def test_numbers_as_classes_are_sorted_as_numbers(put: Callable) -> None:
    dataset = open_dataset(put("path,label\n0.png,10\n1.png,9\n"))

    assert dataset.classes == ("9", "10")


def test_what_can_be_mended_is_refused_in_one_sentence(put: Callable) -> None:
    near = "no column 'label' among path, lable; did you mean 'lable'? Call it 'label'"

    assert refusal(put("path,lable\n0.png,a\n")) == near
    assert refusal(put('{"path": "0.png", "lable": "a"}\n', "x.jsonl")) == near
    assert refusal(put("0.png,a\n1.png,b\n")) == (
        "no column 'path' among 0.png, a; add it, or choose another with --image-column"
    )
    assert refusal(put("path,label,splt\n0.png,a,train\n")) == (
        "no column 'split' among path, label, splt; did you mean 'splt'? Call it 'split'"
    )
    assert refusal(put("path,label,split\n0.png,a,trian\n")) == (
        "line 2: no set is called 'trian'; did you mean 'train'?"
    )
    assert refusal(put("path,label,split\n0.png,a,train\n1.png,b,\n")) == (
        "line 3 has no split, others have; give every line one, or none"
    )
    assert refusal(put('path,label\n"0.png,a\n1.png,b\n')) == (
        "line 3 cannot be read (unexpected end of data); "
        "close its quotation marks, or write JSON Lines"
    )
    assert refusal(put("path,label\n7.png,a\n")) == (
        "it names no image that exists (7.png: cannot be read: no such file or directory); "
        "give paths relative to the manifest, or absolute"
    )
    assert refusal(put("")) == "it is empty; name images in it, by path and label"


def rows(dataset: Dataset) -> list[tuple[str, str, str | None]]:
    return sorted((one.name, dataset.classes[one.label], one.set) for one in dataset.samples)


TRAIN_AND_VAL = [("0.png", "a", "train"), ("1.png", "b", "train"), ("2.png", "a", "val"),
                 ("3.png", "b", "val")]  # fmt: skip
UNDIVIDED = [("0.png", "a", None), ("1.png", "b", None)]


def divided(column: str, train: str, val: str) -> str:
    return f"path,label,{column}\n0.png,a,{train}\n1.png,b,{train}\n2.png,a,{val}\n3.png,b,{val}\n"


# what a table means: its name, its text, and the path, class and set of each image
MEANS = [
    # columns of sets
    ("x.csv", divided("set", "train", "val"), TRAIN_AND_VAL),
    ("x.csv", divided("Subset", "Training", "Validation"), TRAIN_AND_VAL),
    ("x.csv", divided("phase", "TRAIN", "VALID"), TRAIN_AND_VAL),
    ("x.csv", divided("partition", "train_set", "dev_set"), TRAIN_AND_VAL),
    ("x.csv", divided("data split", "1_train", "2_val"), TRAIN_AND_VAL),
    ("x.csv", divided("fold", "train", "val"), TRAIN_AND_VAL),
    ("x.csv", divided("is_valid", "False", "True"), TRAIN_AND_VAL),
    ("x.csv", divided("is_valid", "0", "1"), TRAIN_AND_VAL),
    ("x.csv", divided("isVal", "0.0", "1.0"), TRAIN_AND_VAL),
    ("x.csv", divided("phase", "arterial", "venous"), [(*row[:2], None) for row in TRAIN_AND_VAL]),
    ("x.jsonl", ('{"path": "0.png", "label": "a", "is_test": true}\n'
     '{"path": "1.png", "label": "b", "is_test": true}\n'
     '{"path": "2.png", "label": "a", "is_test": false}\n'
     '{"path": "3.png", "label": "b", "is_test": false}\n'),
     [("0.png", "a", "test"), ("1.png", "b", "test"), ("2.png", "a", "train"),
      ("3.png", "b", "train")]),
    # columns of paths and labels
    *(("x.csv", f"{path},{label}\n0.png,a\n1.png,b\n", UNDIVIDED) for path, label in (
        ("filename", "class"), ("image", "category"), ("file_name", "fine_label"),
        ("File Name", "Class Name"), ("images", "labels"), ("filepath", "target"),
        ("IMG", "CATEGORY"), ("image_path", "class_id"), ("file-path", "classes"),
    )),
    ("x.csv", "file,class_id,class_name\n0.png,7,a\n1.png,8,b\n", UNDIVIDED),
    ("x.csv", "id,image,fine_label,coarse_label\n1,0.png,a,x\n2,1.png,b,x\n", UNDIVIDED),
    ("x.csv", "image,label\n0,a\n1,b\n", UNDIVIDED),  # without their ending
    ("metadata.csv", "file_name,label\n0.png,a\n1.png,b\n", UNDIVIDED),
    # Label Studio
    ("x.csv", ("annotation_id,annotator,choice,created_at,id,image,lead_time\n"
     "1,2,a,now,3,/data/upload/1/0.png,1.5\n2,2,b,now,4,/data/upload/1/0123abcd-1.png,1.5\n"),
     UNDIVIDED),
    ("x.csv", "choice,image\na,/data/local-files/?d=0.png\nb,/data/local-files/?d=1.png\n",
     UNDIVIDED),
    # a column for each class
    ("x.csv", "image,a,b\n0.png,1,0\n1.png,0,1\n", UNDIVIDED),
    ("x.csv", "image,id,a,b,c\n0,7,1.0,0.0,0.0\n1,8,0.0,1.0,0.0\n", UNDIVIDED),
    ("x.tsv", "file\ta\tb\n0.png\tTrue\tFalse\n1.png\tFalse\tTrue\n", UNDIVIDED),
    ("x.csv", "path,is_valid,a,b\n0.png,0,1,0\n1.png,0,0,1\n2.png,1,1,0\n3.png,1,0,1\n",
     TRAIN_AND_VAL),
    # labels
    ("x.jsonl", '{"path": "0.png", "label": 0.0}\n{"path": "1.png", "label": 1.0}\n',
     [("0.png", "0", None), ("1.png", "1", None)]),
    ("x.csv", "path,label\n0.png,0.0\n1.png,1.0\n", [("0.png", "0", None), ("1.png", "1", None)]),
    ("x.jsonl", '{"path": "0.png", "label": false}\n{"path": "1.png", "label": true}\n',
     [("0.png", "False", None), ("1.png", "True", None)]),
    ("x.jsonl", '{"path": "0.png", "label": ["a"]}\n{"path": "1.png", "label": ["b"]}\n',
     UNDIVIDED),
    ("x.csv", 'path,label\n0.png,"salt, pepper"\n1.png,b\n',
     [("0.png", "salt, pepper", None), ("1.png", "b", None)]),
]  # fmt: skip

ONE = "give each image one label: images of several classes cannot be learned"
WHOLE = "give each image the name of a class, or a whole number"

# what a table is refused with
REFUSED = [
    ("x.csv", divided("fold", "0", "1"), ("column 'fold' numbers folds, which does not say what to "
     "train on; write train, val and test into a column 'split', or remove it")),
    ("x.csv", divided("set", "train", "B"),
     "line 4: no set is called 'B'; there are train, val, test"),
    ("x.csv", divided("is_valid", "no", "maybe"),
     "line 4: no set is called 'maybe'; there are train, val, test"),
    ("x.csv", "path,label,set,is_valid\n0.png,a,train,0\n1.png,b,val,1\n",
     "columns 'set', 'is_valid' say the sets; keep one of them"),
    ("x.csv", "path,class,category\n0.png,a,x\n1.png,b,x\n",
     "'class', 'category' may hold the labels; choose one with --label-column"),
    ("x.jsonl", '{"path": "0.png", "label": "a"}\n{"path": "1.png", "label": ["a", "b"]}\n',
     f"line 2 has several labels, ['a', 'b']; {ONE}"),
    ("x.csv", "path,label\n0.png,a\n1.png,\"['a', 'b']\"\n",
     f"line 3 has several labels, ['a', 'b']; {ONE}"),
    ("x.csv", "path,label\n0.png,a\n1.png,b\n2.png,a|b\n",
     f"an image has several labels, 'a|b'; {ONE}"),
    ("x.csv", 'image,choice\n0.png,a\n1.png,"{""choices"":[""a"",""b""]}"\n',
     f"line 3 has several labels, ['a', 'b']; {ONE}"),
    ("x.csv", "image,a,b\n0.png,1,0\n1.png,1,1\n", f"line 3 has several labels, 'a', 'b'; {ONE}"),
    ("x.jsonl", '{"path": "0.png", "label": 0.5}\n', f"line 1 has the label 0.5; {WHOLE}"),
    ("x.csv", "path,label\n0.png,0.5\n1.png,1.0\n", f"an image has the label 0.5; {WHOLE}"),
    ("x.jsonl", '{"path": "0.png", "label": {"a": 1}}\n',
     "line 1 has the label {'a': 1}; give each image the name of a class"),
    ("x.csv", "path,label\n0.png,a\n1.png,b\n8.png,c\n9.png,c\n",
     ("no image of 'c' can be used (8.png: cannot be read: no such file or directory); correct its "
     "lines, or remove them")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "means"), MEANS)
def test_a_table_means(put: Callable, name: str, text: str, means: list[tuple]) -> None:
    assert rows(open_dataset(put(text, name))) == means


@pytest.mark.parametrize(("name", "text", "why"), REFUSED)
def test_a_table_is_refused_with_advice(put: Callable, name: str, text: str, why: str) -> None:
    assert refusal(put(text, name)) == why


def test_a_column_that_names_no_sets_is_said(put: Callable) -> None:
    dataset = open_dataset(put(divided("phase", "arterial", "venous")))

    assert dataset.notes == ("column 'phase' names no sets: it is not used",)


def test_a_folder_with_a_table_of_its_classes_is_what_the_table_says(tmp_path: Path) -> None:
    for given, number in (("train", 0), ("train", 1), ("test", 2), ("test", 3)):
        (tmp_path / given).mkdir(exist_ok=True)
        Image.new("RGB", (5, 4), (number, 0, 0)).save(tmp_path / given / f"{number}.png")
    (tmp_path / "train" / "metadata.csv").write_text("file_name,label\n0.png,a\n1.png,b\n")
    (tmp_path / "test" / "metadata.csv").write_text("file_name,label\n2.png,a\n3.png,b\n")

    assert rows(open_dataset(tmp_path)) == [
        ("test/2.png", "a", "test"),
        ("test/3.png", "b", "test"),
        ("train/0.png", "a", "train"),
        ("train/1.png", "b", "train"),
    ]
    assert rows(open_dataset(tmp_path / "test")) == [("2.png", "a", None), ("3.png", "b", None)]


def test_a_table_of_other_things_beside_class_folders_does_not_count(tmp_path: Path) -> None:
    for klass in "ab":
        (tmp_path / klass).mkdir()
        Image.new("RGB", (5, 4)).save(tmp_path / klass / "0.png")
    (tmp_path / "metadata.csv").write_text("file_name,caption\na/0.png,text\n")

    assert open_dataset(tmp_path).classes == ("a", "b")
