"""What users mistype, mislay and damage: one sentence, exit code 2, and nothing lost."""

import csv
import hashlib
import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

QUICK = ("--arch", "compact", "--input", "8", "--epochs", "1")


def fingerprints(folder: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def refused(inceptionkit: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable:
    """Runs a command that must fail in one sentence and write nothing."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)

    def run(*argv: object) -> str:
        said = inceptionkit(*argv)
        assert said.code == 2, said
        assert said.err.startswith("inceptionkit: ")
        assert said.err.count("\n") == 1
        assert "defect" not in said.err
        assert not list(work.rglob("*"))
        return said.err.removeprefix("inceptionkit: ").rstrip("\n")

    return run


def test_a_path_that_does_not_exist(refused: Callable, photos: Callable) -> None:
    folder = photos()
    near = folder.with_name("photo")

    assert refused("train", near) == (f"{near}: no such file or directory; did you mean 'photos'?")


def test_a_misspelt_built_in_word(refused: Callable) -> None:
    assert refused("train", "digit") == ("digit: no such file or directory; did you mean 'digits'?")


def test_an_empty_folder(refused: Callable, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()

    assert refused("train", empty) == (
        f"{empty}: the folder is empty; put the images of each class into a folder named after it"
    )


def test_a_class_folder_without_a_usable_image(refused: Callable, photos: Callable) -> None:
    folder = photos(("dark", "light"), each=12)
    for path in (folder / "light").iterdir():
        path.write_text("no image")
    said = refused("train", folder, *QUICK)

    assert said.startswith(f"{folder}: no usable image of 'light' (light/")
    assert said.endswith(": not an image); replace its images, or remove the class")


def test_an_empty_class_folder(refused: Callable, photos: Callable) -> None:
    folder = photos()
    (folder / "medium").mkdir()

    assert "'medium'" in refused("train", folder, *QUICK)


def test_a_single_class(refused: Callable, photos: Callable) -> None:
    folder = photos(("only",))

    assert refused("train", folder) == (
        f"{folder}: there is only one class, 'only'; add a folder of images of something else"
    )


def test_a_train_set_that_lacks_a_class(refused: Callable, photos: Callable) -> None:
    photos(("dark",), at="photos/train")
    photos(("dark", "light"), at="photos/val")
    folder = photos(("dark", "light"), at="photos/test").parent

    assert refused("train", folder) == (
        f"{folder}: train lacks 'light'; add images of every class to train, "
        "or spell the names alike"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("describe", "googlnet"),
            "no architecture is called 'googlnet'; did you mean 'googlenet'?",
        ),
        (
            ("describe", "googlenet:bm"),
            "googlenet has no dialect 'bm'; there are paper, bn, separable, torchvision, tf_slim",
        ),
        (
            ("describe", "compact:bn"),
            "compact has no dialect 'bn'; there are none",
        ),
        (
            ("describe", "googlenet", "--input", "3"),
            "googlenet: a 3x3 image is too small; the smallest is 31",
        ),
        (
            ("train", "digits", "--arch", "compat"),
            "no architecture is called 'compat'; did you mean 'compact'?",
        ),
        (
            ("train", "digits", "epoch=3"),
            "there is no setting 'epoch'; did you mean 'epochs'?",
        ),
        (
            ("train", "digits", "lr=fast"),
            "optimizer.lr must be a number, got 'fast'",
        ),
        (
            ("train", "digits", "schedule=cosinus"),
            (
                "schedule must be constant or linear or cosine or exponential or step or "
                "multistep, got 'cosinus'"
            ),
        ),
        (
            ("train", "digits", "lr=-1"),
            "optimizer.lr must be between 1e-09 and 1000, got -1",
        ),
        (
            ("train", "digits", "--precision", "f16"),
            "precision cannot be 'f16'; did you mean 'fp16'?",
        ),
        (
            ("train", "digits", "--budget", "10 bananas"),
            "a budget is written like 10min, 90s, 1.5h, 2e15flop or 30epochs, got '10 bananas'",
        ),
        (
            ("train", "digits", "--budget", "10min", "--epochs", "3"),
            "a run has one budget, got --budget 10min and --epochs 3; choose one",
        ),
        (
            ("train", "digits", "--device", "gpu"),
            "this machine, or this torch, has no GPU; leave --device out to compute on the CPU",
        ),
        (
            ("resume", "nowhere"),
            "nowhere: no run there, it holds no run.json; give the folder that `train` printed",
        ),
        (
            ("report", "nowhere"),
            "nowhere: no run there, it holds no run.json; give the folder that `train` printed",
        ),
        (
            ("evaluate", "nowhere", "digits"),
            "nowhere: no such model; give a model folder or a run folder",
        ),
        (
            ("predict", "nowhere", "image.png"),
            "nowhere: no such model; give a model folder or a run folder",
        ),
        (
            ("train", "digits", "--seed", "99999999999999999999"),
            "a seed must lie between 0 and 2^63 - 1, got 99999999999999999999",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_misspelt(refused: Callable, words: tuple[str, ...], said: str) -> None:
    assert refused(*words) == said


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("trian", "digits"), "train"),
        (("train", "digits", "--epoch", "3"), "--epochs"),
        (("train", "digits", "--bugdet", "3min"), "--budget"),
        (("describe", "googlenet", "--jsn"), "--json"),
    ],
    ids=" ".join,
)
def test_a_misspelt_verb_or_option(
    inceptionkit: Callable, words: tuple[str, ...], hint: str
) -> None:
    said = inceptionkit(*words)

    assert (said.code, said.out) == (2, "")
    assert hint in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    "words",
    [
        ("train", "digits", "--epochs", "0"),
        ("train", "digits", "--batch", "1"),
        ("train", "digits", "--seed", "many"),
        ("train",),
        ("evaluate", "run", "digits", "--early-exit", "1.5"),
        ("describe", "googlenet", "--classes", "1"),
        ("describe", "googlenet", "--input", "0"),
    ],
    ids=" ".join,
)
def test_a_value_that_no_option_takes(inceptionkit: Callable, words: tuple[str, ...]) -> None:
    said = inceptionkit(*words)

    assert (said.code, said.out) == (2, "")
    assert "Traceback" not in said.err


def test_unusable_files_are_skipped_counted_and_listed_and_nothing_is_touched(
    inceptionkit: Callable, photos: Callable, rotten: Callable, tmp_path: Path
) -> None:
    folder, out = photos(each=12), tmp_path / "run"
    reasons = rotten(folder / "light")
    before = fingerprints(folder)
    said = inceptionkit("train", folder, *QUICK, "--out", out)
    with (out / "unusable.csv").open() as file:
        listed = {row["path"]: row["reason"] for row in csv.DictReader(file)}

    assert said.code == 0
    assert listed == {f"light/{name}": reason for name, reason in reasons.items()}
    assert f"4 images cannot be used: {out / 'unusable.csv'}" in said.out
    assert json.loads((out / "run.json").read_text())["data"]["unusable"] == 4
    assert fingerprints(folder) == before
    for name in reasons:
        assert name in (out / "report.html").read_text()


def test_strict_makes_them_an_error(refused: Callable, photos: Callable, rotten: Callable) -> None:
    folder = photos(each=12)
    rotten(folder / "light")
    before = fingerprints(folder)
    said = refused("train", folder, *QUICK, "--strict")

    assert said.startswith(f"{folder}: 4 images are not usable, the first is light/")
    assert said.endswith("; repair or delete them, or run without --strict")
    assert fingerprints(folder) == before


def test_an_output_folder_that_holds_another_run(inceptionkit: Callable, digits_run: Path) -> None:
    before = fingerprints(digits_run)
    said = inceptionkit("train", "digits", *QUICK, "--out", digits_run)

    assert said.code == 2
    assert said.err == (
        f"inceptionkit: {digits_run}: holds another run; "
        f"choose another --out, or `inceptionkit resume {digits_run}`\n"
    )
    assert fingerprints(digits_run) == before


def test_an_output_folder_that_holds_something_already(refused: Callable, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "thesis.txt").write_text("mine")

    said = refused("train", "digits", *QUICK, "--out", full)

    assert said == f"{full}: folder is not empty; choose another --out"
    assert (full / "thesis.txt").read_text() == "mine"


def test_an_output_folder_that_cannot_be_made(inceptionkit: Callable, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "run"
    said = inceptionkit("train", "digits", *QUICK, "--out", out)

    assert said.code == 2
    assert said.err.startswith(f"inceptionkit: {out}: cannot be made (Not a directory)")


def test_evaluating_on_classes_that_the_model_does_not_know(
    inceptionkit: Callable, digits_run: Path, photos: Callable
) -> None:
    folder = photos(("7", "seven"))
    said = inceptionkit("evaluate", digits_run, folder)

    assert said.code == 2
    assert said.err.startswith(
        f"inceptionkit: {folder}: the model has no class 'seven'; its classes are '0', '1', "
    )


def test_evaluating_on_some_of_the_classes_matches_them_by_name(
    inceptionkit: Callable, digits_run: Path, photos: Callable
) -> None:
    said = inceptionkit("evaluate", digits_run, photos(("7", "3"), each=3), "--json")

    assert said.code == 0
    assert json.loads(said.out)["images"] == 6


def test_predicting_a_file_that_is_not_there_goes_on_with_the_others(
    inceptionkit: Callable, digits_run: Path, photos: Callable
) -> None:
    folder = photos(("a",), each=1)
    there, gone = folder / "a" / "0.png", folder / "a" / "1.png"
    said = inceptionkit("predict", digits_run, gone, there)

    assert said.code == 2
    assert said.err.startswith(
        f"inceptionkit: {gone}: no such file or folder; check the spelling\n1 image, "
    )
    assert said.out.startswith(f"{there}  ")


def damaged(run: Path, place: Path) -> Path:
    return Path(shutil.copytree(run / "model", place / "model"))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            "wrong version",
            "format must be 1, got 99; use the version of inceptionkit that wrote it",
        ),
        ("flipped byte", "its SHA-256 is not the one in model.json"),
        ("truncated json", "cannot be read as JSON"),
        ("no tensors", "cannot be read (No such file or directory); copy the whole model folder"),
    ],
)
def test_a_damaged_model(
    inceptionkit: Callable, digits_run: Path, tmp_path: Path, damage: str, said: str
) -> None:
    model = damaged(digits_run, tmp_path)
    card, weights = model / "model.json", model / "model.safetensors"
    match damage:
        case "wrong version":
            card.write_text(json.dumps(json.loads(card.read_text()) | {"format": 99}))
        case "flipped byte":
            content = bytearray(weights.read_bytes())
            content[-5] ^= 1
            weights.write_bytes(content)
        case "truncated json":
            card.write_text(card.read_text()[:400])
        case "no tensors":
            weights.unlink()
    for verb in (("evaluate", model, "digits"), ("predict", model, model.parent / "x.png")):
        (model.parent / "x.png").write_bytes(b"")
        found = inceptionkit(*verb)
        assert found.code == 2
        assert said in found.err
        assert found.err.count("\n") == 1


def test_debug_shows_where(inceptionkit: Callable) -> None:
    said = inceptionkit("describe", "googlnet", "--debug")

    assert said.code == 2
    assert "Traceback" in said.err


def test_a_defect_of_ours_ends_with_1_and_says_so(
    inceptionkit: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a test's")

    monkeypatch.setattr("inceptionkit.derive.describe.description", broken)
    said = inceptionkit("describe", "compact")

    assert said.code == 1
    assert said.err == (
        "inceptionkit: a defect of inceptionkit: ZeroDivisionError: a test's; "
        "run again with --debug\n"
    )


def test_ctrl_c_within_a_verb_is_told(
    inceptionkit: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("inceptionkit.derive.describe.description", stopped)
    said = inceptionkit("describe", "compact")

    assert (said.code, said.err) == (130, "inceptionkit: interrupted\n")


@pytest.mark.parametrize("stood", [True, False])
def test_a_budget_that_is_too_small_leaves_no_folder_but_the_users_own(
    inceptionkit: Callable, tmp_path: Path, stood: bool
) -> None:
    out = tmp_path / "out"
    if stood:
        out.mkdir()
    said = inceptionkit("train", "digits", "--input", "9", "--budget", "0.5s", "--out", out)

    assert said.code == 2
    assert "is too small for one epoch" in said.err
    assert out.exists() == stood
    assert not (stood and any(out.iterdir()))


def test_a_loss_that_is_not_finite_stops_the_run_and_says_what_to_try(
    inceptionkit: Callable, photos: Callable, tmp_path: Path
) -> None:
    """Every update makes the weights thousands of times larger: a few, and numbers overflow."""
    out = tmp_path / "run"
    said = inceptionkit(
        "train", photos(each=20), *QUICK[:4], "--epochs", 30, "--precision", "fp32",
        "--device", "cpu", "lr=1000", "lr_batch=1", "weight_decay=1", "warmup=0", "batch=2",
        "--out", out, "--quiet",
    )  # fmt: skip

    assert said.code == 2
    assert said.err.startswith(("inceptionkit: the loss is not f", "inceptionkit: the loss expl"))
    assert "start again with lr=0.6" in said.err, "a third of it would be more than the usual rate"
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["predict", "MODEL", "ADDRESS"], "cannot be fetched (nothing is there)"),
        (["explain", "MODEL", "ADDRESS"], "is an address; download the image, then give the file"),
        (
            ["export", "MODEL", "--to", "onnx", "--images", "ADDRESS"],
            "is an address; download the images, then give their folder",
        ),
        (
            ["resume", "ADDRESS"],
            "no run there, it holds no run.json; give the folder that `train` printed",
        ),
    ],
)
def test_an_address_where_none_can_be_keeps_its_slashes(
    inceptionkit: Callable, tiny_model: Path, words: list[str], said: str
) -> None:
    address = "https://example.invalid/x"
    filled = {"MODEL": tiny_model, "ADDRESS": address}
    answer = inceptionkit(*(filled.get(word, word) for word in words))

    assert answer.code == 2
    assert f"{address}: {said}\n" in answer.err


def test_a_command_to_copy_is_what_a_shell_takes(
    inceptionkit: Callable, tiny_model: Path, tmp_path: Path
) -> None:
    place = tmp_path / "my model; x"
    shutil.copytree(tiny_model, place)
    said = inceptionkit("prune", place, "--at", "first", "--out", tmp_path / "it's")
    command = next(line for line in said.out.splitlines() if line.startswith("next"))

    assert shlex.split(command)[1:] == [
        "inceptionkit",
        "predict",
        str(tmp_path / "it's"),
        "IMAGE...",
    ]
