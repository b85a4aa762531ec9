"""Images that a detector looks at, however they are named."""

import io
import sys
from pathlib import Path

import annotated
import numpy as np
import pytest

from inceptionkit.detection.draw import drawn
from inceptionkit.detection.find import FoundObjects, find_in_files
from inceptionkit.detection.load import LoadedDetector
from inceptionkit.detection.types import Detections, Pixels


class FindsOne:
    """A detector that finds the whole image."""

    classes = ("image",)

    def detect(self, image: Pixels) -> Detections:
        box = np.array([[0, 0, image.shape[1], image.shape[0]]], np.float32)
        return Detections(box, np.zeros(1, np.int64), np.ones(1, np.float32), ("main",))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    annotated.write_table(tmp_path, 3)
    return tmp_path / "photos"


def find(*paths: str | Path, out: Path | None = None) -> tuple[FoundObjects, ...]:
    loaded = LoadedDetector("here", "shared", FindsOne(), 0.5)
    return find_in_files(
        loaded,
        [str(path) for path in paths],
        score=None,
        picture=lambda image, found: drawn(image, found, FindsOne.classes),
        out=out,
        on_answer=None,
    )


def test_a_list_names_files_folders_and_what_is_not_there(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"{photos}/000.png\n\n{photos}\ngone.png\n")

    found = find(f"@{tmp_path / 'list.txt'}")

    names = ["000.png", "000.png", "001.png", "002.png", "gone.png"]
    assert [Path(one.path).name for one in found] == names
    assert [one.error is None for one in found] == [True] * 4 + [False]


def test_standard_input_may_be_an_image(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin = io.TextIOWrapper(io.BytesIO((photos / "000.png").read_bytes()))
    monkeypatch.setattr(sys, "stdin", stdin)

    (found,) = find("-", out=tmp_path / "drawn")

    assert found.path == "-"
    assert found.to_json()["objects"][0]["box"] == [0, 0, 64, 48]
    assert found.picture == tmp_path / "drawn" / "image.png"


def test_an_address_that_cannot_be_fetched_is_an_answer() -> None:
    (found,) = find("http://127.0.0.1:9/cat.jpg")

    assert found.path == "http://127.0.0.1:9/cat.jpg"
    assert found.error is not None
    assert "cannot be fetched" in found.error
