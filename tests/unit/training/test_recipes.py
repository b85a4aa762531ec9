"""The recipes that ship: what their sources say, and files."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from inceptionkit.errors import InceptionError
from inceptionkit.records import to_json
from inceptionkit.settings import values
from inceptionkit.training.recipe import LABELS, Loss, override, settings
from inceptionkit.training.recipes import OURS, RECIPES, find
from inceptionkit.training.schedule import learning_rate
from inceptionkit.training.updates import SGD, Cosine


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_sound_says_its_source_and_comes_back_from_its_file(
    name: str, tmp_path: Path
) -> None:
    recipe = RECIPES[name]
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(to_json(recipe)))

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
        ("googlenet_2014", {"optimizer": "sgd", "momentum": "0.9", "nesterov": "false",
                            "exit_weight": "0.3", "polyak_share": "0.5", "label_smoothing": "0.0"}),
        ("keras_googlenet", {"batch": "256", "exit_weight": "0.3", "momentum": "0.9"}),
        ("inception_v3_2015", {"optimizer": "rmsprop_tf", "alpha": "0.9", "eps": "1.0",
                               "clip_grad_norm": "2.0", "label_smoothing": "0.1",
                               "ema_decay": "0.9999", "norm_decay": "0.9997", "epochs": "100",
                               "policy": "inception", "interpolation": "random"}),
    ],
)  # fmt: skip
def test_what_the_papers_state(name: str, says: dict[str, str]) -> None:
    assert says.items() <= values(RECIPES[name]).items()


def test_a_file_of_some_keys_takes_the_others_from_modern_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(
        '{"optimizer": {"lr": 1}, "schedule": {"type": "cosine"}, "loss": {"exit_weight": 0.4}}'
    )
    found = find(str(path))

    assert (found.recipe.optimizer, found.recipe.schedule) == (SGD(lr=1.0), Cosine())
    assert found.recipe.batching.batch == 128
    assert found.recipe.loss == Loss(exit_weight=0.4, label_smoothing=0.1)
    assert found.recipe.name == "mine"
    assert "batching" in found.assumed
    assert {"schedule.warmup", "loss.label_smoothing", "augmentation"} <= set(found.assumed)
    assert not {"optimizer.lr", "schedule", "schedule.type", "loss", "loss.exit_weight"} & set(
        found.assumed
    )
    assert found.says()[1].startswith("recipe mine takes from modern: epochs, patience, batching, ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no JSON (Expecting value: line 1 column 1 (char 0)); "),
        ("[1]", "must be a JSON object; "),
        ('{"optimizer": {"lrr": 1}}', "optimizer: unknown key 'lrr'; did you mean 'lr'?"),
        ('{"optimizer": {"lr": "1"}}', "optimizer.lr must be a number, got '1'"),
        ('{"optimizer": {"lr": true}}', "optimizer.lr must be a number, got True"),
        ('{"epochs": 2.5}', "epochs must be a whole number, got 2.5"),
        ('{"epochs": null}', "epochs must be a whole number, got None"),
        (
            '{"schedule": {"type": "multistep", "factor": 0.1, "milestones": 3}}',
            "schedule.milestones must be a list, got 3",
        ),
        (
            '{"schedule": {"type": "multistep", "factor": 0.1, "milestones": [3, "x"]}}',
            "schedule.milestones[1] must be a number, got 'x'",
        ),
        ('{"augmentation": {"flip": "left"}}', "augmentation.flip must be none or random or alt"),
        ('{"optimizer": {"nesterov": 1}}', "optimizer.nesterov must be true or false, got 1"),
        ('{"name": 3}', "name must be text, got 3"),
        ('{"optimizer": {"lr": 1e9}}', "optimizer.lr must be between 1e-09 and 1000, got 1e+09"),
        ('{"schedule": {"type": "step"}}', "schedule: 'factor' is missing"),
        ('{"schedule": "step"}', "schedule must be constant or linear or cosine or exponential or"),
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


def test_settings_are_what_turns_one_recipe_into_another() -> None:
    """Also none, true and lists: they are what `repeat` on a run's page spells out."""
    for recipe in RECIPES.values():
        for base in RECIPES.values():
            found = to_json(override(base, settings(recipe, base)))
            assert {k: v for k, v in found.items() if k not in LABELS} == {
                k: v for k, v in to_json(recipe).items() if k not in LABELS
            }
