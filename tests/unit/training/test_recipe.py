"""Settings as text: typed, checked, refused in one sentence."""

import json
from collections.abc import Iterator
from dataclasses import is_dataclass

import pytest

from inceptionkit.data.transforms.augmentation import (
    Augmentation,
    InceptionColors,
    Mixing,
    PaddedCrop,
    Photometric,
    Policy,
    RandAugment,
    RandomCrop,
    TrivialAugment,
)
from inceptionkit.errors import RecipeError
from inceptionkit.records import from_json, members, to_json, types_of
from inceptionkit.settings import settings_of, values
from inceptionkit.training.recipe import LABELS, MODERN, Recipe, override
from inceptionkit.training.updates import SGD, AdamW


def refusal(*words: str) -> str:
    with pytest.raises(RecipeError) as caught:
        override(MODERN, words)
    return str(caught.value)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("lr=0.05", "0.05"),
        ("lr=5e-2", "0.05"),
        ("epochs=7", "7"),
        ("schedule=cosine", "cosine"),
        ("clip_grad_norm=1", "1.0"),
        ("clip_grad_norm=none", "none"),
        ("exit_weight=0", "0.0"),
        ("flip=none", "none"),
        ("policy=trivial", "trivial"),
        ("average=none", "none"),
        ("interpolation=random", "random"),
        ("nesterov=false", "false"),
        ("augmentation.crop.aspect=1", "1.0"),
        ("cutmix=1", "1.0"),
    ],
)
def test_a_setting_gets_the_type_of_its_field(word: str, text: str) -> None:
    key = word.partition("=")[0].rpartition(".")[2]

    assert values(override(MODERN, [word]))[key] == text


def test_the_last_setting_wins_and_others_stay() -> None:
    found = override(MODERN, ["lr=0.3", "batch=16", "lr=0.2"])

    assert (found.optimizer.lr, found.batching.batch, found.epochs) == (0.2, 16, MODERN.epochs)
    assert override(MODERN, []) == MODERN


def test_a_choice_comes_before_its_parts_and_keeps_what_both_have() -> None:
    given = override(MODERN, ["weight_decay=0.05", "beta2=0.95", "optimizer=adamw"])

    assert given.optimizer == AdamW(weight_decay=0.05, beta2=0.95)
    assert override(given, ["optimizer=sgd"]).optimizer == SGD()


def test_every_setting_has_a_short_key() -> None:
    paths = [setting.path for setting in settings_of(Recipe).values()]

    assert {path[-1] for path in paths} <= settings_of(Recipe).keys()


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("weight_decy=0", "there is no setting 'weight_decy'; did you mean 'weight_decay'?"),
        ("name=mine", "there is no setting 'name'; "),
        ("lr", "a setting is written key=value, got 'lr'; keys are epochs, patience, schedule, "),
        ("epochs=2.5", "epochs must be a whole number, got 2.5"),
        ("lr=", "optimizer.lr must be a number, got ''"),
        ("lr=none", "optimizer.lr must be a number, got 'none'"),
        ("lr=nan", "optimizer.lr must be a number of usual size, got nan"),
        ("lr=inf", "optimizer.lr must be a number of usual size, got inf"),
        ("lr=5000", "optimizer.lr must be between 1e-09 and 1000, got 5000"),
        (f"epochs={'9' * 400}", f"epochs must be a whole number of usual size, got {'9' * 20}"),
        ("schedule=Linear", "schedule must be constant or linear or cosine or exponential or "),
        ("flip=0.5", "augmentation.flip must be none or random or alternating, got '0.5'"),
        ("batch=1", "batching.batch must be between 2 and 65536, got 1"),
        ("warmup=1", "schedule.warmup must be between 0 and 0.9, got 1"),
        ("label_smoothing=1", "loss.label_smoothing must be between 0 and 0.99, got 1"),
        ("aspect=0.5", "augmentation.crop.aspect must be between 1 and 10, got 0.5"),
        ("erasing=2", "augmentation.erasing must be between 0 and 1, got 2"),
        ("policy=slim", "augmentation.policy must be photometric or inception or trivial or rand"),
        ("interpolation=lanczos", "augmentation.interpolation must be nearest or area or bilin"),
        ("clip_grad_norm=0", "optimizer.clip_grad_norm must be between 1e-06 and 1e+06, got 0"),
    ],
)
def test_what_is_refused(word: str, said: str) -> None:
    assert refusal(word).startswith(said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["area_low=0.9", "area_high=0.5"],
            "augmentation.crop: area_low must not exceed area_high, got 0.9 and 0.5",
        ),
        (
            ["crop=padded", "padding=1.5"],
            "augmentation.crop.padding must be a whole number, got 1.5",
        ),
        (
            ["crop=padded", "area_low=0.3"],
            "area_low applies only with crop=random; set that too",
        ),
        (["padding=4"], "padding applies only with crop=padded; set that too"),
        (
            ["policy=trivial", "magnitude=0.3"],
            "magnitude applies only with policy=rand; set that too",
        ),
        (["operations=3"], "operations applies only with policy=rand; set that too"),
        (["strength=0.3"], "strength applies only with policy=photometric; set that too"),
        (["polyak_share=0.5"], "polyak_share applies only with average=polyak; set that too"),
        (["average=none", "ema_every=1"], "ema_every applies only with average=ema or fixed_ema o"),
        (["factor=0.5"], "factor applies only with schedule=exponential or step or multistep; "),
        (["schedule=cosine", "milestones=3"], "milestones applies only with schedule=multistep"),
        (["schedule=step", "factor=0.5"], "schedule: 'decay_epochs' is missing"),
        (["schedule=step", "decay_epochs=2"], "schedule: 'factor' is missing"),
        (["schedule=multistep", "factor=0.5"], "schedule: 'milestones' is missing"),
        (
            ["schedule=multistep", "factor=0.5", "milestones=8,99"],
            "milestone 99 is never reached with epochs=40",
        ),
        (["norms=frozen", "norm_batches=5"], "norm_batches applies only with norms=trained; set "),
        (["eps=1"], "eps applies only with optimizer=rmsprop or rmsprop_tf or adamw; set that too"),
        (["grad_accum=200"], "batching: grad_accum must not exceed batch, got 200 and 128"),
    ],
)
def test_settings_without_effect_are_errors(words: list[str], said: str) -> None:
    assert refusal(*words).startswith(said)


def test_the_keys_of_augmentation_go_together() -> None:
    words = "policy=trivial mixup=0.2 cutmix=1.0 erasing=0.25 crop=padded padding=3 "

    found = override(MODERN, [*words.split(), "interpolation=random"])

    assert found.augmentation == Augmentation(
        policy=TrivialAugment(),
        erasing=0.25,
        crop=PaddedCrop(padding=3),
        interpolation="random",
    )
    assert found.mixing == Mixing(mixup=0.2, cutmix=1.0)


@pytest.mark.parametrize(
    ("words", "policy"),
    [
        ("policy=none", None),
        ("policy=photometric strength=0.2", Photometric(0.2)),
        ("policy=inception", InceptionColors()),
        ("policy=rand", RandAugment()),
        ("policy=rand operations=3 magnitude=0.3", RandAugment(operations=3, magnitude=0.3)),
    ],
)
def test_a_policy_by_name(words: str, policy: Policy | None) -> None:
    assert override(MODERN, words.split()).augmentation.policy == policy


def records_within(kind: type) -> Iterator[type]:
    yield kind
    for hint in types_of(kind).values():
        for part in members(hint, kind):
            if is_dataclass(part):
                yield from records_within(part)


def test_every_number_has_limits() -> None:
    numbers = [
        (kind.__name__, name)
        for kind in records_within(Recipe)
        for name, hint in types_of(kind).items()
        if ("int" in str(hint) or "float" in str(hint)) and "Between" not in str(hint)
    ]

    assert numbers == []


def test_there_and_back() -> None:
    found = override(MODERN, ["lr=0.3", "clip_grad_norm=2", "schedule=cosine", "area_low=0.5"])

    assert found.augmentation.crop == RandomCrop(area_low=0.5)
    data = json.loads(json.dumps(to_json(found)))
    assert from_json(Recipe, data, at="recipe", error=RecipeError) == found


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"color": 1}, "recipe: unknown key 'color'; "),
        (
            {"optimizer": {"type": "sgd", "lr": None}},
            "recipe.optimizer.lr must be a number, got None",
        ),
        ({"loss": {"smoothing": 0.1}}, "recipe.loss: unknown key 'smoothing'; "),
    ],
)
def test_a_recipe_of_another_version(change: dict[str, object], said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        from_json(Recipe, to_json(MODERN) | change, at="recipe", error=RecipeError)

    assert str(caught.value).startswith(said)


def test_labels_cannot_be_set() -> None:
    assert all("there is no setting" in refusal(f"{label}=x") for label in LABELS)
