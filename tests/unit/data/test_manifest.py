"""Manifests: tables of images, as people and their programs write them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from inceptionkit.data import Sample, Unusable, decode_sample, open_dataset
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
    assert refusal(put("0.png,a\n1.png,b\n")) == "no column 'path' among 0.png, a; add it"
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
