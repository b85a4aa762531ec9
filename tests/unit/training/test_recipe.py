"""Settings as text: typed, checked, refused in one sentence."""

from dataclasses import fields

import pytest

from inceptionkit.data.transforms.augmentation import (
    Augmentation,
    InceptionColors,
    Mixing,
    Policy,
    RandAugment,
    TrivialAugment,
)
from inceptionkit.errors import RecipeError
from inceptionkit.training.recipe import LIMITS, MODERN, Recipe, from_json, override, to_json


def refusal(*settings: str) -> str:
    with pytest.raises(RecipeError) as caught:
        override(MODERN, settings)
    return str(caught.value)


@pytest.mark.parametrize(
    ("setting", "key", "value"),
    [
        ("lr=0.05", "lr", 0.05),
        ("lr=5e-2", "lr", 0.05),
        ("epochs=7", "epochs", 7),
        ("decay=linear", "decay", "linear"),
        ("clip=1", "clip", 1.0),
        ("clip=none", "clip", None),
        ("exit_weight=0", "exit_weight", 0.0),
        ("mirror=none", "mirror", "none"),
        ("augment=trivial", "augment", "trivial"),
        ("interpolation=random", "interpolation", "random"),
        ("padding=4", "padding", 4),
        ("cutmix=1", "cutmix", 1.0),
    ],
)
def test_a_setting_gets_the_type_of_its_field(setting: str, key: str, value: object) -> None:
    found = getattr(override(MODERN, [setting]), key)

    assert found == value
    assert type(found) is type(value)


def test_the_last_setting_wins_and_others_stay() -> None:
    found = override(MODERN, ["lr=0.3", "batch=16", "lr=0.2"])

    assert (found.lr, found.batch, found.epochs) == (0.2, 16, MODERN.epochs)
    assert override(MODERN, []) == MODERN


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("weight_decy=0", "a recipe has no key 'weight_decy'; did you mean 'weight_decay'?"),
        ("name=mine", "a recipe has no key 'name'; "),
        ("lr", "a setting is written key=value, got 'lr'; keys are epochs, batch, lr, "),
        ("epochs=2.5", "epochs must be a whole number, got '2.5'"),
        ("lr=", "lr must be a number, got ''"),
        ("lr=none", "lr must be a number, got 'none'"),
        ("lr=nan", "lr must lie between 1e-09 and 1000, got nan"),
        ("lr=inf", "lr must lie between 1e-09 and 1000, got inf"),
        (f"epochs={'9' * 400}", f"epochs must lie between 1 and 1e+06, got {'9' * 20}"),
        (
            "decay=Linear",
            "decay must be cosine or linear or exponential or step or constant, got 'Linear'",
        ),
        ("mirror=0.5", "mirror must be none or random or alternating, got '0.5'"),
        ("batch=1", "batch must lie between 2 and 65536, got 1"),
        ("warmup=1", "warmup must lie between 0 and 0.9, got 1"),
        ("smoothing=1", "smoothing must lie between 0 and 0.99, got 1"),
        ("aspect=0.5", "aspect must lie between 1 and 10, got 0.5"),
        ("padding=1.5", "padding must be a whole number, got '1.5'"),
        ("erasing=2", "erasing must lie between 0 and 1, got 2"),
        ("augment=slim", "augment must be none or inception or trivial or rand, got 'slim'"),
        ("interpolation=lanczos", "interpolation must be nearest or area or bilinear or bicubic"),
        ("clip=0", "clip must lie between 1e-06 and 1e+06, got 0"),
    ],
)
def test_what_is_refused(setting: str, said: str) -> None:
    assert refusal(setting).startswith(said)


def test_crops_must_have_a_range() -> None:
    assert refusal("area_low=0.9", "area_high=0.5") == (
        "area_low must not exceed area_high, got 0.9 and 0.5"
    )


def test_the_keys_of_augmentation_go_together() -> None:
    settings = "augment=trivial mixup=0.2 cutmix=1.0 erasing=0.25 padding=4 interpolation=random"

    found = override(MODERN, settings.split())

    assert found.augmentation == Augmentation(
        policy=TrivialAugment(), erasing=0.25, padding=4, interpolation="random"
    )
    assert found.mixing == Mixing(mixup=0.2, cutmix=1.0)


@pytest.mark.parametrize(
    ("setting", "policy"),
    [
        ("augment=none", None),
        ("augment=inception", InceptionColors()),
        ("augment=rand", RandAugment()),
    ],
)
def test_augment_names_a_policy(setting: str, policy: Policy | None) -> None:
    assert override(MODERN, [setting]).augmentation.policy == policy


def test_rand_augment_is_as_strong_and_as_often_as_asked() -> None:
    found = override(MODERN, ["augment=rand", "operations=3", "magnitude=0.3"])

    assert found.augmentation.policy == RandAugment(operations=3, magnitude=0.3)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            ("padding=4", "area_low=0.3"),
            "area_low has no use with padding=4, which shows the whole image; set padding=0",
        ),
        (
            ("augment=inception", "photometric=0.4"),
            "photometric and augment=inception both distort colours; set photometric=0",
        ),
        (
            ("augment=trivial", "magnitude=0.3"),
            "operations and magnitude are of augment=rand, got augment=trivial",
        ),
        (("operations=3",), "operations and magnitude are of augment=rand, got augment=none"),
    ],
)
def test_settings_that_do_not_go_together(settings: tuple[str, ...], said: str) -> None:
    assert refusal(*settings) == said


def test_every_number_has_limits() -> None:
    numbers = {f.name for f in fields(Recipe) if "int" in str(f.type) or "float" in str(f.type)}

    assert numbers == set(LIMITS)


def test_there_and_back() -> None:
    found = override(MODERN, ["lr=0.3", "clip=2", "decay=linear"])

    assert from_json(to_json(found)) == found


@pytest.mark.parametrize("change", [{"colour": 1}, {"lr": None}])
def test_a_recipe_of_another_version(change: dict[str, object]) -> None:
    data = to_json(MODERN) | change
    if change == {"lr": None}:
        del data["lr"]
    with pytest.raises(RecipeError) as caught:
        from_json(data)

    (key,) = change
    assert str(caught.value) == (
        f"recipe: {key!r} is unknown or missing; the run is of another version"
    )
