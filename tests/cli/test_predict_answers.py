"""What `predict` prints, and from where it takes images."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image


@pytest.fixture
def pictures(photos: Callable) -> list[Path]:
    return sorted(photos().rglob("*.png"))[:3]


def test_answers_stand_in_columns(
    inceptionkit: Callable, tiny_model: Path, pictures: list[Path], tmp_path: Path
) -> None:
    long = tmp_path / "a picture with a long name.png"
    long.write_bytes(pictures[0].read_bytes())
    said = inceptionkit("predict", tiny_model, *pictures, long, "--top", 2)
    lines = said.out.splitlines()

    assert said.code == 0
    assert len(lines) == 4
    assert len({line.index(" %") for line in lines}) == 1
    assert all(line.count(" %") == 2 for line in lines)
    assert said.err.startswith("4 images, ")
    assert said.err.rstrip().split(";")[0].endswith(" ms each")


def test_json_has_as_many_labels_as_are_asked_for(
    inceptionkit: Callable, tiny_model: Path, pictures: list[Path]
) -> None:
    for asked, given in ((["--top", 1], 1), (["--top", 3], 3), ([], 5)):
        said = inceptionkit("predict", tiny_model, pictures[0], "--json", *asked)

        assert len(json.loads(said.out)["top"]) <= given
        assert said.err == ""


@pytest.mark.parametrize(("below", "marked"), [("0", 0), ("1", 3)])
def test_answers_below_a_confidence_are_marked(
    inceptionkit: Callable, tiny_model: Path, pictures: list[Path], below: str, marked: int
) -> None:
    said = inceptionkit("predict", tiny_model, *pictures, "--unsure-below", below)
    machine = inceptionkit("predict", tiny_model, *pictures, "--unsure-below", below, "--json")
    told = [json.loads(line) for line in machine.out.splitlines()]

    assert sum(line.endswith(" ?") for line in said.out.splitlines()) == marked
    assert ("; ? marks 3 below 100% confidence" in said.err) == bool(marked)
    assert sum(row["unsure"] for row in told) == marked


def test_a_list_names_images(
    inceptionkit: Callable, tiny_model: Path, pictures: list[Path], tmp_path: Path
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("\n".join([str(pictures[0]), "", "missing.png", f"  {pictures[1]} "]))
    said = inceptionkit("predict", tiny_model, f"@{names}")
    none = inceptionkit("predict", tiny_model, "@nowhere.txt")

    assert said.code == 2
    assert [line.split("  ")[0] for line in said.out.splitlines()] == list(map(str, pictures[:2]))
    assert "missing.png: no such file or folder; check the spelling" in said.err
    assert (none.code, none.out) == (2, "")
    assert "@nowhere.txt: the list cannot be read (no such file or directory)" in none.err


@pytest.mark.parametrize("kind", ["image", "names", "nothing"])
def test_standard_input_is_an_image_or_names(
    inceptionkit: Callable,
    tiny_model: Path,
    pictures: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    content = {
        "image": pictures[0].read_bytes(),
        "names": "\n".join(map(str, pictures)).encode(),
        "nothing": b"",
    }[kind]
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    said = inceptionkit("predict", tiny_model, "-", "--json")
    told = [json.loads(line) for line in said.out.splitlines()]
    named = {"image": ["-"], "names": list(map(str, pictures)), "nothing": ["-"]}

    assert [row["path"] for row in told] == named[kind]
    assert said.code == (2 if kind == "nothing" else 0)
    if kind == "image":
        (direct,) = map(json.loads, inceptionkit("predict", tiny_model, pictures[0], "--json").out
                        .splitlines())  # fmt: skip

        assert told[0]["top"] == direct["top"]


def test_copies_are_drawn_and_nothing_is_overwritten(
    inceptionkit: Callable, tiny_model: Path, pictures: list[Path], tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in pictures}
    out = tmp_path / "drawn"
    for _ in range(2):
        said = inceptionkit("predict", tiny_model, pictures[0], "--draw", out, "--top", 2)

        assert said.code == 0
        assert said.err.endswith(f"\ndrew    1 copy in {out}\n")
    names = sorted(path.name for path in out.iterdir())
    stem = pictures[0].stem
    with Image.open(out / names[0]) as copy, Image.open(pictures[0]) as original:
        sizes = copy.size, original.size

    assert names == [f"{stem}-2.jpg", f"{stem}.jpg"]
    assert sizes[0][0] == sizes[1][0]
    assert sizes[0][1] > sizes[1][1] + 20
    assert {path: path.read_bytes() for path in pictures} == before


def test_copies_do_not_go_among_the_images(
    inceptionkit: Callable, tiny_model: Path, pictures: list[Path]
) -> None:
    folder = pictures[0].parent
    Path("names.txt").write_text(str(pictures[0]))
    for given in (pictures[0], "@names.txt"):
        said = inceptionkit("predict", tiny_model, given, "--draw", folder)

        assert said.code == 2
        assert said.err == (
            f"inceptionkit: {folder}: holds images to classify; "
            "draw the copies into another folder\n"
        )


def test_csv_is_a_table_of_the_answers(
    inceptionkit: Callable, tiny_model: Path, pictures: list[Path], tmp_path: Path
) -> None:
    said = inceptionkit("predict", tiny_model, *pictures, "--csv", tmp_path / "answers.csv")
    rows = (tmp_path / "answers.csv").read_text().splitlines()

    assert said.code == 0
    assert rows[0] == "path,label,probability,exit,unsure,error"
    assert len(rows) == 4


def test_an_address_that_cannot_be_fetched_is_reported_and_the_others_are_answered(
    inceptionkit: Callable, tiny_model: Path, pictures: list[Path]
) -> None:
    pytest.importorskip("aiohttp", reason="needs aiohttp: pip install 'inceptionkit[remote]'")
    address = "http://127.0.0.1:9/nothing.jpg"
    said = inceptionkit("predict", tiny_model, address, pictures[0])

    assert said.code == 2
    assert said.out.count("\n") == 1
    assert f"inceptionkit: {address}: cannot be fetched (" in said.err
