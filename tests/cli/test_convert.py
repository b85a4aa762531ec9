"""`inceptionkit convert`, as a user types it, and its models in use."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from inceptionkit.convert.formats import pytorch
from inceptionkit.model import read_model

PREPROCESSING = "short side to 256 px, bilinear; middle 224x224; mean 0.5 0.5 0.5, std 0.5 0.5 0.5"
NAMES = "daisy\ndandelion\nrose\nsunflower\ntulip\n"


@pytest.fixture(scope="module")
def ours(theirs: Path) -> Path:
    """The same as a model folder."""
    from inceptionkit.api.convert import convert

    return convert(theirs, theirs.with_name("ours")).path


@pytest.fixture
def names(tmp_path: Path) -> Path:
    (tmp_path / "names.txt").write_text(NAMES)
    return tmp_path / "names.txt"


def test_convert_says_what_it_recognized_and_what_to_type_next(
    inceptionkit: Callable, theirs: Path, names: Path
) -> None:
    said = inceptionkit("convert", theirs, "flowers", "--classes", names)

    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [
        "recognized     googlenet:torchvision in a safetensors file, with its exits aux1 aux2",
        "parameters     5.61 M, 9.95 M with exits",
        "classes        5, as given: daisy, dandelion, rose, ..., tulip",
        f"preprocessing  {PREPROCESSING}",
        "wrote flowers",
        "next: inceptionkit predict flowers IMAGE",
    ]
    card, _ = read_model(Path("flowers"))
    assert card.classes == tuple(NAMES.split())


def test_convert_json_has_the_promised_keys(inceptionkit: Callable, theirs: Path) -> None:
    said = inceptionkit("convert", theirs, "flowers", "--json")
    told = json.loads(said.out)

    assert (said.code, said.err, said.out.count("\n")) == (0, "", 1)
    assert told.keys() == {
        "model", "file", "kind", "sha256", "architecture", "input", "classes", "exits", "params",
        "params_with_exits", "preprocessing", "class_names", "background", "untrained_exits",
    }  # fmt: skip
    assert (told["model"], told["kind"], told["classes"]) == ("flowers", "safetensors", 5)
    assert (told["class_names"], told["background"]) == ("numbered", False)
    assert read_model(Path("flowers"))[0].origin["sha256"] == told["sha256"]


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_to_torchvision_and_back_is_the_identity(
    inceptionkit: Callable, theirs: Path, ours: Path, suffix: str
) -> None:
    said = inceptionkit("convert", ours, f"back{suffix}", "--to", "torchvision")
    read = load_file if suffix == ".safetensors" else pytorch.read
    back, before = read(Path(f"back{suffix}")), load_file(theirs)
    again = inceptionkit("convert", f"back{suffix}", "again", "--json")

    assert (said.code, said.err, again.code) == (0, "", 0)
    assert said.out.splitlines()[-4:] == [
        f"preprocessing  {PREPROCESSING}",
        "               not stored in the file: apply the same, with transform_input=False",
        f"wrote back{suffix}",
        "next: load_state_dict into torchvision.models.googlenet(num_classes=5, aux_logits=True)",
    ]
    assert back.keys() == {n for n in before if not n.endswith("num_batches_tracked")}
    assert all(np.array_equal(value, before[name]) for name, value in back.items())
    assert Path("again/model.safetensors").read_bytes() == (
        (ours / "model.safetensors").read_bytes()
    )


def test_to_torchvision_json_has_the_promised_keys(inceptionkit: Callable, ours: Path) -> None:
    said = inceptionkit("convert", ours, "x.pth", "--to", "torchvision", "--json")
    told = json.loads(said.out)

    assert told.keys() == {
        "file", "to", "network", "architecture", "input", "classes", "exits", "params",
        "params_with_exits", "preprocessing", "exits_left_out",
    }  # fmt: skip
    assert (told["file"], told["to"], told["exits_left_out"]) == ("x.pth", "torchvision", [])


def test_a_run_can_be_written_only_if_torchvision_has_its_network(
    inceptionkit: Callable, digits_run: Path
) -> None:
    said = inceptionkit("convert", digits_run, "x.pth", "--to", "torchvision")

    assert (said.code, said.out) == (2, "")
    assert "torchvision has no such network; it has googlenet:torchvision" in said.err
    assert not Path("x.pth").exists()


def test_predict_takes_a_weights_file(inceptionkit: Callable, theirs: Path) -> None:
    Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save("a.png")
    said = inceptionkit("predict", theirs, "a.png", "--json")

    assert (said.code, said.err) == (0, "")
    assert json.loads(said.out)["label"].startswith("class_000")


@pytest.mark.slow
def test_every_verb_of_a_model_takes_a_weights_file(inceptionkit: Callable, theirs: Path) -> None:
    Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save("a.png")
    cut = inceptionkit("prune", theirs, "--at", "aux1", "--out", "small")
    exported = inceptionkit("export", theirs, "--to", "onnx", "--images", "a.png", "--out", "out")
    judged = inceptionkit("export", theirs, "--fastest", "--data", "digits")

    assert (cut.code, exported.code) == (0, 0), cut.err + exported.err
    assert "agrees with the trained model on 100 % of 1 images" in exported.out
    assert "digits: the model has no class '0', " in judged.err


@pytest.mark.parametrize(
    "words",
    [
        ("prune", "torchvision/googlenett", "--at", "aux1"),
        ("export", "torchvision/googlenett"),
        ("export", "torchvision/googlenett", "--variants", "--data", "digits"),
    ],
)
def test_every_verb_of_a_model_takes_an_id(inceptionkit: Callable, words: tuple[str, ...]) -> None:
    said = inceptionkit(*words)

    assert said.err.startswith(
        "inceptionkit: no released weights are called 'torchvision/googlenett'"
    )


def test_converting_safetensors_needs_no_torch(shell: Callable, theirs: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None; from inceptionkit.cli import main; "
        f"sys.exit(main(['convert', {str(theirs)!r}, {str(theirs.with_name('light'))!r}]))"
    )
    said = shell(entry=("-c", code))

    assert (said.code, said.err) == (0, "")


def complaint(inceptionkit: Callable, *argv: object) -> str:
    """What a refused conversion says; it writes nothing."""
    said = inceptionkit("convert", *argv)

    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("inceptionkit: ")
    assert said.err.count("\n") == 1
    assert not Path("out").exists()
    assert not list(Path().glob(".*.part"))
    return str(said.err.removeprefix("inceptionkit: ").rstrip())


def test_what_cannot_be_converted_is_refused_in_one_sentence(
    inceptionkit: Callable, theirs: Path, ours: Path
) -> None:
    whole = theirs.read_bytes()
    Path("cut.safetensors").write_bytes(whole[: len(whole) // 2])
    Path("empty.pth").touch()
    Path("text.pth").write_text("shopping list")
    Path("short.txt").write_text("rose\ntulip\n")
    Path("other.onnx").write_bytes(b"x")

    assert "cut short" in complaint(inceptionkit, "cut.safetensors", "out")
    assert complaint(inceptionkit, "empty.pth", "out").startswith("empty.pth: is empty")
    assert "cannot be read as a PyTorch file" in complaint(inceptionkit, "text.pth", "out")
    assert "not a weights file by its name" in complaint(inceptionkit, "other.onnx", "out")
    assert "is a model folder already" in complaint(inceptionkit, ours, "out")
    assert "no such file" in complaint(inceptionkit, "nowhere.pth", "out")
    assert complaint(inceptionkit, theirs, "out", "--classes", "short.txt") == (
        "2 names of classes for a network with 5; give one for each"
    )
    assert complaint(inceptionkit, ours, "out", "--to", "torchvision") == (
        "out: the name of the file must end in .safetensors or .pth"
    )
    assert "did you mean" in complaint(inceptionkit, "timm/inception_v3.tv_in", "out")


@pytest.mark.parametrize("there", ["folder", "file"])
def test_nothing_is_overwritten(
    inceptionkit: Callable, theirs: Path, ours: Path, there: str
) -> None:
    place = Path("precious.pth")
    if there == "folder":
        place.mkdir()
        (place / "photo.jpg").write_bytes(b"mine")
    else:
        place.write_bytes(b"mine")
    for argv in ((theirs, place), (ours, place, "--to", "torchvision")):
        said = inceptionkit("convert", *argv)

        assert said.code == 2
        assert said.err == (
            "inceptionkit: precious.pth: already exists; choose another name, or remove it first\n"
        )
    assert (place / "photo.jpg" if there == "folder" else place).read_bytes() == b"mine"


def test_names_have_no_place_in_a_file_for_torchvision(
    inceptionkit: Callable, ours: Path, names: Path
) -> None:
    said = inceptionkit("convert", ours, "x.pth", "--to", "torchvision", "--classes", names)

    assert said.code == 2
    assert "whose files hold no names" in " ".join(said.err.split())
