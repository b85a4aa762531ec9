"""The recipes that ship: what their sources say, and files."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from inceptionkit.errors import InceptionError
from inceptionkit.training.recipe import MODERN, checked, override, settings, to_json
from inceptionkit.training.recipes import OURS, RECIPES, find
from inceptionkit.training.schedule import learning_rate


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_sound_says_its_source_and_comes_back_from_its_file(
    name: str, tmp_path: Path
) -> None:
    recipe = RECIPES[name]
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(to_json(recipe)))

    assert checked(recipe) == recipe
    assert recipe.name == name
    assert recipe.source
    told = path.name if recipe in OURS else name  # a file is none of ours, which are suited
    assert find(str(path)).recipe == replace(recipe, name=told)
    assert find(str(path)).assumed == ()


@pytest.mark.parametrize(
    ("name", "epoch", "rate", "source"),
    [
        ("googlenet_2014", 0.5, 0.01, "arXiv:1409.4842 section 6: -4 % every 8 epochs"),
        ("googlenet_2014", 7.99, 0.01, "the same"),
        ("googlenet_2014", 8.01, 0.01 * 0.96, "the same"),
        ("googlenet_2014", 249.9, 0.01 * 0.96**31, "the same"),
        ("keras_googlenet", 6.99, 0.01, "0.01 * 0.96^floor((1 + epoch) / 8)"),
        ("keras_googlenet", 7.0, 0.01 * 0.96, "the same"),
        ("keras_googlenet", 15.5, 0.01 * 0.96**2, "the same"),
        ("keras_googlenet", 24.9, 0.01 * 0.96**3, "the same"),
        ("inception_v3_2015", 1.9, 0.045, "arXiv:1512.00567 section 8: 0.94 every two epochs"),
        ("inception_v3_2015", 5.0, 0.045 * 0.94**2, "the same"),
        ("nin_2013", 199.9, 0.1, "the author's files: 200 epochs, then a tenth twice for 30"),
        ("nin_2013", 200.1, 0.01, "the same"),
        ("nin_2013", 259.0, 0.001, "the same"),
    ],
)
def test_the_rate_is_that_of_the_source(name: str, epoch: float, rate: float, source: str) -> None:
    recipe = RECIPES[name]

    assert learning_rate(recipe, epoch / recipe.epochs) == pytest.approx(rate, rel=1e-9), source


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("googlenet_2014", {"optimiser": "sgd", "momentum": 0.9, "exit_weight": 0.3,
                            "polyak": 0.5, "smoothing": 0.0}),
        ("keras_googlenet", {"batch": 256, "exit_weight": 0.3, "momentum": 0.9}),
        ("inception_v3_2015", {"optimiser": "rmsprop_tf", "square_decay": 0.9, "epsilon": 1.0,
                               "clip": 2.0, "smoothing": 0.1, "ema_decay": 0.9999,
                               "norm_decay": 0.9997, "epochs": 100, "augment": "inception",
                               "interpolation": "random"}),
    ],
)  # fmt: skip
def test_what_the_papers_state(name: str, says: dict[str, object]) -> None:
    assert {key: getattr(RECIPES[name], key) for key in says} == says


def test_a_file_of_some_keys_takes_the_others_from_modern_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text('{"lr": 1, "decay": "cosine"}')
    found = find(str(path))

    assert (found.recipe.lr, found.recipe.decay, found.recipe.batch) == (1.0, "cosine", 128)
    assert found.recipe.name == "mine"
    assert "batch" in found.assumed
    assert "lr" not in found.assumed
    assert found.says()[1].startswith("recipe mine takes from modern: epochs, batch, lr_batch, ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no JSON (Expecting value: line 1 column 1 (char 0)); "),
        ("[1]", "must be a JSON object; "),
        ('{"lrr": 1}', "a recipe has no key 'lrr'; did you mean 'lr'?"),
        ('{"lr": "1"}', "lr must be a number, got '1'"),
        ('{"lr": true}', "lr must be a number, got True"),
        ('{"epochs": 2.5}', "epochs must be a whole number, got 2.5"),
        ('{"epochs": null}', "epochs must be a whole number, got None"),
        ('{"decay_at": 3}', "decay_at must be a list, got 3"),
        ('{"decay_at": [3, "x"]}', "decay_at must be a number, got [3, 'x']"),
        ('{"mirror": "left"}', "mirror must be none or random or alternating, got 'left'"),
        ('{"frozen_norms": 1}', "frozen_norms must be true or false, got 1"),
        ('{"name": 3}', "name must be text, got 3"),
        ('{"lr": 1e9}', "lr must lie between 1e-09 and 1000, got 1e+09"),
        ('{"decay": "step"}', "decay=step needs decay_factor, such as 0.94"),
        ("[" * 100_000, "is no JSON ("),
    ],
)
def test_a_file_that_is_none(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(InceptionError) as caught:
        find(str(path))

    assert str(caught.value).startswith(f"{path}: {said}")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("googlnet_2014", "no recipe is called 'googlnet_2014'; did you mean 'googlenet_2014'?"),
        ("gone.json", "gone.json: cannot be read (No such file or directory); "),
    ],
)
def test_a_recipe_that_is_not_there(name: str, said: str) -> None:
    with pytest.raises(InceptionError) as caught:
        find(name)

    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["polyak=0.5"], "a run keeps one average, got ema and polyak; leave one of "),
        (["ema=none"], "a run keeps one average, got none; leave one of ema, ema_decay, polyak"),
        (["decay_factor=0.5"], "decay_factor has no effect with decay=linear; leave it out"),
        (["decay=cosine", "decay_at=3"], "decay_at has no effect with decay=cosine; "),
        (["decay=step", "decay_factor=0.5"], "decay=step needs decay_epochs or decay_at, and not "),
        (["decay=exponential", "decay_factor=0.5"], "decay=exponential needs decay_epochs"),
        (["frozen_norms=true", "norm_batches=5"], "with frozen_norms=true no statistics change; "),
        (["frozen_norms=true", "norm_decay=0.9"], "with frozen_norms=true no statistics change; "),
        (["decay=step", "decay_factor=0.5", "decay_at=8,99"], "decay_at=99 is never reached with "),
        (["epsilon=1"], "epsilon has no effect with optimiser=nesterov; leave it out"),
        (["accumulate=200"], "accumulate must not exceed batch, got 200 and 128"),
        (["photometric=0.4", "augment=inception"], "photometric and augment=inception both "),
        (["operations=3"], "operations and magnitude are of augment=rand, got augment=none"),
    ],
)
def test_settings_without_effect_are_errors(given: list[str], said: str) -> None:
    with pytest.raises(InceptionError) as caught:
        override(MODERN, given)

    assert str(caught.value).startswith(said)


def test_settings_are_what_turns_one_recipe_into_another() -> None:
    """Also none, true and lists: they are what `repeat` on a run's page spells out."""
    for recipe in RECIPES.values():
        for base in RECIPES.values():
            found = to_json(override(base, settings(recipe, base)))
            told = {"name", "source", "departs"}

            assert {k: v for k, v in found.items() if k not in told} == {
                k: v for k, v in to_json(recipe).items() if k not in told
            }
