"""ImageNet's class names, and those that a user gives."""

import json
from importlib.resources import files
from pathlib import Path

import pytest

from inceptionkit.convert.registry import imagenet_classes, read_class_names
from inceptionkit.errors import WeightsError

SHARED = Path(__file__).parents[4] / "shared" / "data" / "imagenet-samples" / "classes.json"


def refusal(path: Path, content: str | bytes) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(WeightsError) as caught:
        read_class_names(path)
    return str(caught.value).removeprefix(f"{path}: ")


def test_imagenet_has_1000_classes_with_names_of_their_own() -> None:
    names = imagenet_classes()

    assert len(names) == len(set(names)) == 1000
    assert all(names)
    assert (names[0], names[1], names[285], names[999]) == (
        "tench", "goldfish", "Egyptian cat", "toilet tissue",
    )  # fmt: skip


def imagenet_ids() -> list[str]:
    """The WordNet ids that stand before the names."""
    shipped = files("inceptionkit.convert").joinpath("imagenet", "classes.txt")
    return [line.partition(" ")[0] for line in shipped.read_text("utf-8").splitlines()]


def test_imagenets_classes_are_in_the_order_of_their_ids() -> None:
    assert sorted(imagenet_ids()) == imagenet_ids()
    assert len(set(imagenet_ids())) == 1000


@pytest.mark.skipif(not SHARED.exists(), reason="needs imagenet-samples in ../shared/data")
def test_the_order_is_that_of_a_sample_of_imagenet() -> None:
    assert json.loads(SHARED.read_text())["wnid"] == imagenet_ids()


def test_the_licence_of_the_names_ships_beside_them() -> None:
    origin = files("inceptionkit.convert").joinpath("imagenet", "ORIGIN.md").read_text("utf-8")

    assert "WordNet 3.0 Copyright 2006 by Princeton University" in origin


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("names.txt", "rose\nfield daisy\ntulip"),
        ("names.txt", "rose\r\nfield daisy \r\ntulip\r\n"),
        ("names.txt", "\ufeffrose\nfield daisy\ntulip\n"),
        ("names.json", '["rose", "field daisy", "tulip"]'),
    ],
)
def test_names_are_read_from_text_and_json(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_bytes(content.encode())

    assert read_class_names(tmp_path / name) == ("rose", "field daisy", "tulip")


def test_names_may_be_given_with_commas_between_them() -> None:
    assert read_class_names(Path("rose, field daisy,tulip")) == ("rose", "field daisy", "tulip")
    with pytest.raises(WeightsError, match="names two classes 'cat'"):
        read_class_names(Path("cat,cat "))


def test_names_that_are_none_are_refused(tmp_path: Path) -> None:
    listed = "must list a name for each class, none empty, in the order of the outputs"
    unread = "class names cannot be read ("

    assert refusal(tmp_path / "a.json", '{"0": "rose"}') == listed
    assert refusal(tmp_path / "a.json", '["rose", 7]') == listed
    assert refusal(tmp_path / "a.txt", "rose\n\ntulip\n") == listed
    assert refusal(tmp_path / "a.json", "rose").startswith(unread)
    assert refusal(tmp_path / "a.txt", b"\xff\xfe\x00").startswith(unread)
    assert refusal(tmp_path / "a.txt", "rose\ntulip\nrose\n") == (
        "names two classes 'rose'; give each its own name"
    )
    for spaced in ("cat\ncat \n", " cat\ncat\n", "caf\u00e9\ncafe\u0301\n"):
        assert "names two classes 'ca" in refusal(tmp_path / "a.txt", spaced)
    assert "names two classes 'cat'" in refusal(tmp_path / "a.json", '["cat", "cat "]')
    with pytest.raises(WeightsError, match="No such file"):
        read_class_names(tmp_path / "none.txt")
