"""`explain` as a user types it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Folder = Callable[..., Path]


def picture(path: Path) -> Image.Image:
    with Image.open(path) as found:
        return found.convert("RGB")


def test_a_folder_becomes_one_grid(
    inceptionkit: Callable, digits_run: Path, photos: Folder, tmp_path: Path
) -> None:
    folder = photos(("a", "b"), each=2)
    said = inceptionkit("explain", digits_run, folder)
    page = picture(tmp_path / "explained.png")

    assert (said.code, said.out, said.err) == (0, "wrote   explained.png\n", "")
    assert page.width > 4 * 192
    assert page.height > 4 * 192
    assert len(np.unique(np.asarray(page))) > 100


def test_many_images_go_on_in_a_second_picture(
    inceptionkit: Callable, digits_run: Path, photos: Folder, tmp_path: Path
) -> None:
    said = inceptionkit("explain", digits_run, photos(each=11), "--out", tmp_path / "p.png")

    assert said.out == f"wrote   {tmp_path / 'p.png'}\nwrote   {tmp_path / 'p-2.png'}\n"
    assert picture(tmp_path / "p.png").height > 5 * picture(tmp_path / "p-2.png").height


def test_nothing_is_overwritten_unasked(
    inceptionkit: Callable, digits_run: Path, photos: Folder, tmp_path: Path
) -> None:
    image, out = photos() / "dark" / "0.png", tmp_path / "mine.png"
    out.write_text("precious")
    refused = inceptionkit("explain", digits_run, image, "--out", out)
    for name in ("explained.png", "explained_2.png"):
        assert inceptionkit("explain", digits_run, image).out == f"wrote   {name}\n"

    assert (refused.code, out.read_text()) == (2, "precious")
    assert refused.err == (
        f"inceptionkit: {out}: is there already; replace it with --overwrite, or choose another "
        "--out\n"
    )
    assert inceptionkit("explain", digits_run, image, "--out", out, "--overwrite").code == 0
    assert picture(out).width > 192


@pytest.mark.parametrize("method", ["cam", "gradcam", "occlusion"])
def test_machines_get_the_maps(
    inceptionkit: Callable, digits_run: Path, photos: Folder, method: str
) -> None:
    image = photos() / "dark" / "0.png"
    words = ("--method", method, "--class", "3", "--exits", "main,exit1", "--json")
    said = inceptionkit("explain", digits_run, image, *words)
    (told,) = map(json.loads, said.out.splitlines())

    assert (said.code, told["path"], told["class"]) == (0, str(image), "3")
    assert [*told["exits"]] == ["exit1", "main"]
    assert told["exits"]["main"]["method"] == method
    assert np.ndim(told["exits"]["exit1"]["map"]) == 2
    assert told["exits"]["main"]["class_probability"] <= told["exits"]["main"]["probability"]


def test_unreadable_images_are_reported_and_skipped(
    inceptionkit: Callable, digits_run: Path, photos: Folder, tmp_path: Path
) -> None:
    folder = photos()
    (folder / "dark" / "0.png").write_text("none")
    said = inceptionkit("explain", digits_run, folder, tmp_path / "nowhere", "--json")
    rows = [json.loads(line) for line in said.out.splitlines()]

    assert said.code == 2
    assert [row["error"] for row in rows if "error" in row] == [
        "not an image", "no such file or folder; check the spelling",
    ]  # fmt: skip
    assert sum("exits" in row for row in rows) == 23


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--method", "cams"), "method cannot be 'cams'; did you mean 'cam'?"),
        (("--exits", "exit3"), "there is no exit 'exit3'; did you mean 'exit"),
        (("--class", "ten"), "there is no class 'ten'; there are 0, 1, 2"),
        (("--out", "map.jpg"), "map.jpg: pictures are PNG files; choose a name that ends with"),
        (("--out", "no/where/map.png"), "cannot be written (No such file or directory)"),
    ],
)
def test_what_cannot_be_asked_for(
    inceptionkit: Callable, digits_run: Path, photos: Folder, words: tuple[str, ...], said: str
) -> None:
    found = inceptionkit("explain", digits_run, photos(each=1), *words)

    assert (found.code, found.out) == (2, "")
    assert said in found.err
