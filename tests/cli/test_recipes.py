"""`inceptionkit recipes`, and `train` with what it prints."""

import json
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from page_words import words_of

from inceptionkit.catalog import architecture, find
from inceptionkit.data.transforms.augmentation import Mixing
from inceptionkit.model import Card, write_model
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Net, tensors, with_exits
from inceptionkit.training.recipe import LABELS
from inceptionkit.training.recipes import RECIPES
from inceptionkit.training.run.initial_weights import InitialWeights
from inceptionkit.training.run.record import identity, read_record
from inceptionkit.training.run.repeat import network, repeat
from inceptionkit.training.run.start import keep_preprocessing
from inceptionkit.training.updates import Polyak

BRIEF = ("--input", "9", "--epochs", "1", "--precision", "fp32", "--quiet")
QUICK = ("train", "digits", *BRIEF)


def test_the_list_names_each_with_its_source(inceptionkit: Callable) -> None:
    said, machine = inceptionkit("recipes"), inceptionkit("recipes", "--json")

    assert (said.code, machine.code) == (0, 0)
    for recipe in RECIPES.values():
        assert f"{recipe.name}: {recipe.source}\n" in said.out
    told = json.loads(machine.out)["recipes"]
    assert [recipe["name"] for recipe in told] == list(RECIPES)


def test_what_is_printed_is_read_back_changed_and_trained_with(inceptionkit: Callable) -> None:
    printed = inceptionkit("recipes", "googlenet_2014", "lr=0.05", "batch=200")
    Path("mine.json").write_text(printed.out)
    said = inceptionkit(
        *QUICK, "--arch", "compact", "--recipe", "mine.json", "lr=0.04", "--out", "run"
    )
    record = read_record(Path("run"))

    assert (said.code, said.err) == (0, "")
    recipe = record.recipe
    assert (recipe.optimizer.lr, recipe.batching.batch, recipe.mixing) == (0.04, 200, Mixing())
    assert recipe.average == Polyak(polyak_share=0.5, ema_every=1)
    assert recipe.augmentation.flip == "none", "a mirrored digit means something else"
    assert record.preprocessing.std == (1 / 255,) * 3
    again = shlex.split(repeat(Path("run"), record))
    assert again[again.index("--recipe") + 1] == "googlenet_2014"
    assert "lr=0.04" in again


def test_a_model_is_fine_tuned_with_other_exits(inceptionkit: Callable, digits_run: Path) -> None:
    words = [*QUICK, "--from", digits_run, "--exits", "none", "frozen=trunk", "--out", "run"]
    said = inceptionkit(*words, "batch=64")
    record = read_record(Path("run"))

    assert (said.code, said.err) == (0, "")
    assert (record.recipe.name, record.architecture.exits) == ("finetune", ())
    assert record.start is not None
    assert record.start.same_classes
    assert f"--from {record.start.model}" in repeat(Path("run"), record)
    assert "--exits none" in repeat(Path("run"), record)
    page = Path("run", "report.html").read_text()
    assert f"trained from the weights of {record.start.model} on digits." in page


def test_a_file_is_none_of_ours_whatever_it_says(
    inceptionkit: Callable, few: tuple[str, ...]
) -> None:
    """What is printed of `modern` stays as it is; the name itself is suited to the images."""
    Path("mine.json").write_text(inceptionkit("recipes", "modern").out)
    said = inceptionkit(*few, "--recipe", "mine.json", "--out", "run")
    record = read_record(Path("run"))

    assert said.code == 0
    assert (record.recipe.name, record.recipe.batching.batch) == (
        "mine.json",
        RECIPES["modern"].batching.batch,
    )


@pytest.fixture
def few(photos: Callable) -> tuple[str, ...]:
    """Trains with a hundred images of the digits' classes."""
    return ("train", str(photos(tuple("0123456789"), each=10)), *BRIEF)


@pytest.fixture
def coarse(digits_run: Path) -> Path:
    """A model that divides its pixels by another number."""
    folder = Path(shutil.copytree(digits_run / "model", "coarse"))
    card = json.loads((folder / "model.json").read_text())
    card["preprocessing"]["std"] = [0.25] * 3
    (folder / "model.json").write_text(json.dumps(card))
    return folder


@pytest.mark.parametrize(
    ("recipe", "wanted"),
    [({}, 0.5), ({"inputs": {"pixel_std": 0.3}}, 0.3), ({"inputs": {"pixel_std": 0.25}}, 0.25)],
)
def test_a_model_keeps_its_preprocessing_and_run_json_says_so_once(
    inceptionkit: Callable,
    few: tuple[str, ...],
    coarse: Path,
    recipe: dict[str, float],
    wanted: float,
) -> None:
    Path("mine.json").write_text(json.dumps({"batching": {"batch": 200}, **recipe}))
    said = inceptionkit(*few, "--from", coarse, "--recipe", "mine.json", "--out", "run")
    record = read_record(Path("run"))
    why = (
        f"std=0.25, 0.25, 0.25: {coarse.resolve()} brings its preprocessing, so "
        f"pixel_std={wanted} of recipe mine is not used"
    )

    assert (said.code, said.err) == (0, "")
    assert record.preprocessing.std == (0.25,) * 3
    assert record.recipe.inputs.pixel_std == 0.25
    assert (why in record.reasons) == (wanted == 0.3), "0.5 is what a recipe has that wants nothing"


@pytest.mark.parametrize("std", [(0.2, 0.25, 0.3), (2.0, 2.0, 2.0)])
def test_a_std_that_no_recipe_can_say_is_a_reason_alone(std: tuple[float, float, float]) -> None:
    start = InitialWeights(model="theirs", sha256="", same_classes=True)
    own = Preprocessing(size=16, std=std)
    kept, recipe, (why,) = keep_preprocessing(own, start, RECIPES["googlenet_2014"])

    assert (kept, recipe) == (own, RECIPES["googlenet_2014"])
    assert why.startswith(f"std={', '.join(f'{one:g}' for one in std)}: theirs brings its ")


@pytest.mark.parametrize(
    "words",
    [
        ("--cost", "400kMAC", "--exits", "inception4c"),  # scaled: its name is in no catalog
        ("--arch", "compact", "batch=128", "mixup=0", "flip=alternating"),
        ("--arch", "compact", "--recipe", "mine.json", "crop=padded", "padding=1"),
        ("--from", "coarse"),
        ("--from", "coarse", "--recipe", "mine.json"),
    ],
)
@pytest.mark.usefixtures("coarse")
def test_the_command_on_the_page_makes_the_same_run(
    inceptionkit: Callable, few: tuple[str, ...], words: tuple[str, ...]
) -> None:
    recipe = {
        "batching": {"batch": 200},
        "inputs": {"pixel_std": 0.3},
        "augmentation": {"crop": {"area_low": 0.7}},
    }
    Path("mine.json").write_text(json.dumps(recipe))
    first = inceptionkit(*few, *words, "--out", "first")
    line = shlex.split(repeat(Path("first"), read_record(Path("first"))))
    again = inceptionkit(*line[1:], "--out", "again", "--quiet")
    one, other = (read_record(Path(run)) for run in ("first", "again"))
    labels = {label: getattr(one.recipe, label) for label in LABELS}

    assert (first.code, again.code) == (0, 0), again.err
    assert shlex.join(line) in words_of(Path("first", "report.html"))
    assert identity(one) == identity(replace(other, recipe=replace(other.recipe, **labels)))


@pytest.mark.parametrize(
    ("net", "said"),
    [
        (find("compact", classes=10, side=32), ["--arch", "compact"]),
        (with_exits(find("compact"), []), ["--arch", "compact", "--exits", "none"]),
        (with_exits(find("compact"), ["conv3"]), ["--arch", "compact", "--exits", "conv3"]),
        (find("googlenet", classes=10, pooled_exits=True), ["--arch", "some/run.json"]),
    ],
)
def test_a_network_is_named_as_shortly_as_names_it_exactly(
    digits_run: Path, net: Net, said: list[str]
) -> None:
    assert network(Path("some"), replace(read_record(digits_run), architecture=net)) == said


@pytest.mark.parametrize("exits", ["pooled", "published"])
def test_exits_that_came_to_average_over_the_grid_are_told(
    digits_run: Path, tmp_path: Path, exits: Literal["pooled", "published"]
) -> None:
    """Of a model whose exits did so the option would draw the heads anew."""
    pooled = architecture("googlenet", classes=10, input=224, exits="pooled")
    theirs = architecture("googlenet", classes=10, input=224, exits=exits)
    zeros = {name: np.zeros(shape, np.float32) for name, shape in tensors(theirs)}
    card = Card(
        architecture=theirs,
        classes=tuple("0123456789"),
        preprocessing=Preprocessing(size=224),
    )
    write_model(tmp_path / "model", card, zeros)
    start = InitialWeights(model=str(tmp_path / "model"), sha256="", same_classes=True)
    said = network(Path("some"), replace(read_record(digits_run), architecture=pooled, start=start))

    assert said[:2] == ["--from", start.model]
    assert ("--pooled-exits" in said) == (exits == "published")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("recipes", "modrn"), "no recipe is called 'modrn'; did you mean 'modern'?"),
        (("recipes", "modern", "lrr=1"), "there is no setting 'lrr'; did you mean 'lr'?"),
        (("train", "digits", "--recipe", "modrn"), "no recipe is called 'modrn'; did you mean "),
        (("train", "digits", "--recipe", "no.json"), "no.json: cannot be read (No such file or "),
        (("train", "digits", "--from", "gone"), "gone: no such model; give a model folder or a "),
        (("train", "digits", "--exits", "pool9"), "inception_small: no block is called 'pool9'; "),
        (
            ("train", "digits", "--input", "9", "--budget", "1e3flop"),
            "the budget of 1000flop is too small for ",
        ),
        (("train", "digits", "--precision", "fp16", "--device", "cpu"), "fp16 is for GPUs, and "),
    ],
)
def test_what_cannot_be_met_is_said_in_a_sentence(
    inceptionkit: Callable, words: tuple[str, ...], said: str
) -> None:
    found = inceptionkit(*words)

    assert found.code == 2
    assert found.err.splitlines()[-1].startswith(f"inceptionkit: {said}")
    assert not list(Path("runs").glob("*"))
