"""Many crops and many models, as a user types it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from inceptionkit.derive import cost
from inceptionkit.model import read_model

Folder = Callable[..., Path]


def test_a_table_of_models_and_crops(
    inceptionkit: Callable, digits_run: Path, other_run: Path
) -> None:
    words = (digits_run, other_run, "digits", "--crops", "1,10,256+320")
    told = json.loads(inceptionkit("evaluate", *words, "--json").out)
    plain = inceptionkit("evaluate", *words)
    rows = told["rows"]
    macs = cost(read_model(digits_run)[0].architecture).without_exits.macs

    assert [row["crops"] for row in rows] == ["1", "10", "256+320"] * 3
    assert [len(row["models"]) for row in rows] == [1] * 6 + [2] * 3
    assert [row["cost"] for row in rows] == [1, 10, 2, 1, 10, 2, 2, 20, 4]
    assert told["mean_macs"] == 4 * macs
    assert told["top1"] == pytest.approx(1 - rows[-1]["top1_error"])
    assert [one["model"] for one in told["against_first"]] == [str(other_run)]
    for words in ("all 2", "top-5 error", "256+320 px", "McNemar p = "):
        assert words in plain.out


def test_one_crop_is_what_evaluate_scores(inceptionkit: Callable, digits_run: Path) -> None:
    one = json.loads(inceptionkit("evaluate", digits_run, "digits", "--crops", "1", "--json").out)
    plain = json.loads(inceptionkit("evaluate", digits_run, "digits", "--json").out)

    for key in ("top1", "top5", "images", "log_loss", "mean_macs", "classes"):
        assert one[key] == pytest.approx(plain[key]) if key != "classes" else one[key] == plain[key]


def test_a_model_beside_itself_is_no_better(inceptionkit: Callable, digits_run: Path) -> None:
    said = inceptionkit("evaluate", digits_run, digits_run, "digits", "--json")
    (same,) = (one["paired"] for one in json.loads(said.out)["against_first"])

    assert (same["difference"]["mean"], same["p_value"]) == (0.0, 1.0)


def test_classes_in_another_order_are_the_same_classes(
    inceptionkit: Callable, digits_run: Path, tmp_path: Path
) -> None:
    """Its last class is renamed to the first and the first to the last: it errs where they are."""
    turned = Path(shutil.copytree(digits_run / "model", tmp_path / "turned"))
    card = json.loads((turned / "model.json").read_text())
    card["classes"] = card["classes"][::-1]
    (turned / "model.json").write_text(json.dumps(card))
    alone = json.loads(inceptionkit("evaluate", turned, "digits", "--json").out)
    told = json.loads(inceptionkit("evaluate", digits_run, turned, "digits", "--json").out)

    assert told["rows"][1]["top1_error"] == pytest.approx(1 - alone["top1"])


def test_models_with_other_classes_are_refused(
    inceptionkit: Callable, digits_run: Path, tmp_path: Path
) -> None:
    changed = Path(shutil.copytree(digits_run / "model", tmp_path / "changed"))
    card = json.loads((changed / "model.json").read_text())
    card["classes"][3] = "three"
    (changed / "model.json").write_text(json.dumps(card))
    said = inceptionkit("evaluate", digits_run, changed, "digits")

    assert said.code == 2
    assert f"{changed}: has other classes than {digits_run}, first '3'; average models" in said.err


def test_a_class_never_seen_and_images_of_which_none_is_usable(
    inceptionkit: Callable, digits_run: Path, photos: Folder
) -> None:
    """Images named 3 and 4, and a model of ten classes; then files that are no images."""
    folder = photos(("3", "4"), each=3)
    few = json.loads(inceptionkit("evaluate", digits_run, folder, "--crops", "10", "--json").out)
    for file in folder.rglob("*.png"):
        file.write_text("none")
    none = inceptionkit("evaluate", digits_run, folder, "--crops", "10", "--quiet")
    unseen = [row for row in few["classes"] if row["name"] not in {"3", "4"}]

    assert few["images"] == 6
    assert all((row["images"], row["recall"]) == (0, None) for row in unseen)
    assert none.code == 2
    assert "none of its 6 images is usable; check the files" in none.err


@pytest.mark.parametrize("how", ["--crops=1", "--early-exit=0.5"])
def test_fewer_images_than_classes(
    inceptionkit: Callable, digits_run: Path, photos: Folder, how: str
) -> None:
    folder = photos(("3", "4"), each=2)
    told = json.loads(inceptionkit("evaluate", digits_run, folder, how, "--json").out)

    assert told["images"] == 4


def test_a_few_images_promise_nothing_of_exits(
    inceptionkit: Callable, digits_run: Path, photos: Folder
) -> None:
    said = inceptionkit("evaluate", digits_run, photos(("3", "4"), each=2), "--exits")

    assert said.code == 2
    assert "too few images choose the policy" in said.err


def test_one_image_cannot_both_choose_and_score(
    inceptionkit: Callable, digits_run: Path, photos: Folder
) -> None:
    folder = photos(("3", "4"), each=1)
    for file in (folder / "4").iterdir():
        file.rename(folder / "3" / "1.png")
    (folder / "4").rmdir()
    (folder / "3" / "1.png").unlink()
    said = inceptionkit("evaluate", digits_run, folder, "--exits", "--quiet")

    assert said.code == 2
    assert said.err == (
        f"inceptionkit: {folder}: some images must choose and others score, got 1; "
        "give more images\n"
    )
