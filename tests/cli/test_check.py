"""`inceptionkit check` as a user types it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from inceptionkit.cli.check import shortened

HEAVY = """
import sys
from inceptionkit.cli import main
code = main(sys.argv[1:])
print("torch" in sys.modules, file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def odd(photos: Callable, rotten: Callable) -> Path:
    """Photos of which one is there twice, one is blank and four cannot be used."""
    folder = photos(each=30)
    rotten(folder / "light")
    (folder / "dark" / "again.png").write_bytes((folder / "dark" / "3.png").read_bytes())
    Image.new("RGB", (30, 30), (1, 99, 200)).save(folder / "light" / "blank.png")
    return folder


def test_the_findings_come_first_then_the_classes_then_what_was_written(
    inceptionkit: Callable, odd: Path, tmp_path: Path
) -> None:
    said = inceptionkit("check", odd)
    lines = said.out.splitlines()

    assert said.code == 0
    assert lines[:6] == [
        "warning 4 files cannot be used; the first is light/cut.png (truncated)",
        "        repair or delete them; training skips them",
        (
            "warning 1 picture more than once in the same class: dark/3.png and dark/again.png "
            "(2 images; 1 pixel for pixel)"
        ),
        "        remove the copies; where training divides the images, it keeps them in one set",
        "warning 1 image is blank",
        "        remove them: they show a single color",
    ]
    assert "62 of 66 images are usable" in said.out
    assert "verdict 3 warnings" in said.out
    assert (tmp_path / "runs" / "check-photos-001.html").exists()
    assert f"next    inceptionkit train {odd}" in said.out


def test_json_has_the_promised_keys_and_accounts_for_every_file(
    inceptionkit: Callable, odd: Path
) -> None:
    said = inceptionkit("check", odd, "--json")
    told = json.loads(said.out)

    assert said.code == 0
    assert told["images"] == told["usable"] + len(told["unusable"]) == 66
    assert {one["path"]: one["reason"] for one in told["unusable"]}[
        "light/zero.jpg"
    ] == "empty file"
    assert told["classes"] == {"dark": 31, "light": 31}
    assert told["splits"] == {"all": {"images": 62, "classes": {"dark": 31, "light": 31}}}
    assert told["duplicates"] == [
        {
            "paths": ["dark/3.png", "dark/again.png"],
            "exact": True,
            "mirrored": False,
            "sets": [],
            "classes": ["dark"],
        }
    ]
    assert told["blank"] == ["light/blank.png"]
    assert told["sizes"] == {"smallest": [20, 24], "median": [20, 24], "largest": [30, 30]}
    assert Path(told["page"]).exists()


def test_strict_ends_with_2_and_still_tells_everything(inceptionkit: Callable, odd: Path) -> None:
    said = inceptionkit("check", odd, "--strict", "--json")

    assert said.code == 2
    assert json.loads(said.out)["usable"] == 62
    assert said.err.splitlines()[-1] == (
        f"inceptionkit: {odd}: 4 files cannot be used; the first is light/cut.png (truncated); "
        "repair or delete them; training skips them (3 findings in all)"
    )


def test_strict_ends_with_0_where_there_are_notes_alone(inceptionkit: Callable) -> None:
    said = inceptionkit("check", "digits", "--strict")

    assert said.code == 0
    assert "verdict 1 note" in said.out


def test_the_page_goes_where_it_is_wanted_but_never_among_the_images(
    inceptionkit: Callable, photos: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = photos(each=30)
    before = sorted(folder.rglob("*"))
    wanted = tmp_path / "new" / "page.html"
    kept = inceptionkit("check", folder, "--out", wanted)
    among = inceptionkit("check", folder, "--out", folder / "page.html")
    other = inceptionkit("check", folder, "--out", tmp_path / "page.txt")
    monkeypatch.chdir(folder)
    inside = inceptionkit("check", ".", "--json")

    assert kept.code == 0
    assert wanted.exists()
    assert among.code == other.code == 2
    assert among.err == (
        f"inceptionkit: {folder}/page.html: lies among the images, which are never written to; "
        "choose another --out\n"
    )
    assert other.err == (
        f"inceptionkit: {tmp_path}/page.txt: the page must be called .html; choose another --out\n"
    )
    assert Path(json.loads(inside.out)["page"]).is_relative_to(tmp_path / "cache")
    assert sorted(folder.rglob("*")) == before


def test_one_class_is_a_finding_and_no_images_an_error(
    inceptionkit: Callable, photos: Callable, tmp_path: Path
) -> None:
    single = inceptionkit("check", photos(("only",), each=30))
    (tmp_path / "none").mkdir()
    empty = inceptionkit("check", tmp_path / "none")

    assert single.code == 2, "as train would end"
    assert single.out.startswith("error   there is only one class, 'only'\n")
    assert "refused train would stop: " in single.out
    assert "next    inceptionkit train" not in single.out
    assert (empty.code, empty.out) == (2, "")
    assert empty.err.startswith(f"inceptionkit: {tmp_path / 'none'}: the folder is empty; ")


def test_a_source_of_which_nothing_can_be_used_is_told_file_by_file(
    inceptionkit: Callable, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        (tmp_path / "bad" / name).mkdir(parents=True)
        (tmp_path / "bad" / name / "1.png").write_text("no")
    told = json.loads(inceptionkit("check", tmp_path / "bad", "--json").out)

    assert (told["images"], told["usable"], len(told["unusable"])) == (2, 0, 2)
    assert told["findings"][0]["says"] == "'a', 'b' have no usable image"
    assert told["sizes"] is None


def test_it_needs_no_torch(shell: Callable, odd: Path) -> None:
    said = shell("check", odd, "--quiet", entry=("-c", HEAVY))

    assert (said.code, said.out, said.err) == (0, "", "False\n")


def test_of_many_classes_the_largest_and_the_smallest_are_shown() -> None:
    counts = [(f"class{number}", number) for number in range(100)]
    shown = shortened(counts)

    assert [number for _, number in shown] == [*range(99, 84, -1), *range(14, -1, -1)]
    assert shortened(counts[:30]) == counts[:30]


@pytest.mark.run
def test_training_keeps_copies_in_one_set_and_what_follows_divides_alike(
    inceptionkit: Callable, photos: Callable, tmp_path: Path
) -> None:
    folder, run = photos(each=30), tmp_path / "run"
    for place in sorted((folder / "dark").glob("*.png"))[:8]:
        Image.open(place).save(place.with_suffix(".bmp"))
    quick = ("--arch", "compact", "--input", "8", "--epochs", "1", "--precision", "fp32")
    trained = inceptionkit("train", folder, *quick, "--out", run)
    kept = json.loads((run / "run.json").read_text())["data"]
    scored = json.loads(inceptionkit("evaluate", run, folder, "--json").out)
    resumed = json.loads(inceptionkit("resume", run, "--json").out)

    assert "checked: 8 pictures appear more than once (16 images)" in trained.out
    assert len(kept["duplicate_groups"]) == 8
    assert kept["rule"].endswith("8 groups of near-duplicates are kept together")
    assert scored["images"] == kept["sets"]["test"] == resumed["images"]
