"""What of a recipe suits the images, and what the user sets stays."""

import pytest

from inceptionkit.catalog import architecture
from inceptionkit.data.loading.sets import open_and_split
from inceptionkit.data.transforms.augmentation import (
    Augmentation,
    PaddedCrop,
    RandAugment,
    RandomCrop,
    TrivialAugment,
)
from inceptionkit.errors import RecipeError
from inceptionkit.training.defaults import (
    choose_recipe,
    same_weights,
    vary_more,
)
from inceptionkit.training.recipe import MODERN, Drawn, Whitened, override
from inceptionkit.training.recipes import FAST, RECIPES


def test_the_recipe_suits_few_small_images_whose_mirror_means_something_else() -> None:
    opened = open_and_split("digits", seed=0)

    recipe, reasons = choose_recipe(opened, architecture("compact", input=32), [])

    assert (recipe.augmentation, recipe.batching.batch) == (
        Augmentation(flip="none", crop=RandomCrop(area_low=0.5)),
        64,
    )
    assert recipe.inputs.crop_side == 1.0
    assert [reason.partition(":")[0] for reason in reasons] == [
        "flip=none",
        "area_low=0.5",
        "batch=64",
        "mixup=0.2",
    ]


def test_what_the_user_sets_is_not_chosen_for_them() -> None:
    opened = open_and_split("digits", seed=0)

    recipe, reasons = choose_recipe(
        opened, architecture("compact", input=128), ["flip=random", "batch=16", "crop_side=1"]
    )

    assert (recipe.augmentation.flip, recipe.batching.batch) == ("random", 16)
    assert recipe.inputs.crop_side == 1.0
    assert [reason.partition(":")[0] for reason in reasons] == ["small_crops=0.55", "mixup=0.2"]


def test_where_the_whole_image_is_shown_no_crops_are_chosen() -> None:
    opened, net = open_and_split("digits", seed=0), architecture("compact", input=32)

    padded, reasons = choose_recipe(opened, net, ["crop=padded", "padding=4"])
    plain, _ = choose_recipe(opened, net, ["crop=random"])

    assert padded.augmentation.crop == PaddedCrop(padding=4)
    assert not any("area_low" in reason for reason in reasons)
    assert plain.augmentation.crop == RandomCrop(area_low=0.5)


@pytest.mark.parametrize("setting", ["area_high=0.3", "grad_accum=100"])
def test_what_suits_gives_way_to_what_excludes_it(setting: str) -> None:
    """Half of the image at least, and 64 images in an update, would suit these."""
    opened, net = open_and_split("digits", seed=0), architecture("compact", input=32)
    recipe, reasons = choose_recipe(opened, net, [setting])

    assert (recipe.augmentation.crop.area_low, recipe.batching.batch) in {
        (0.08, 64),
        (0.5, MODERN.batching.batch),
    }
    assert len(reasons) == 3


def test_fast_suits_the_small_network_and_its_images() -> None:
    opened = open_and_split("digits", seed=0)
    small = architecture("inception_small", input=16)

    recipe, reasons = choose_recipe(opened, small, [], RECIPES["fast"])
    cropped, _ = choose_recipe(opened, small, ["area_low=0.7"], RECIPES["fast"])
    larger, _ = choose_recipe(opened, architecture("inception_small", input=64), [], FAST)
    other, _ = choose_recipe(opened, architecture("compact", input=32), [], FAST)

    assert recipe.augmentation.crop == PaddedCrop(padding=2)
    assert isinstance(recipe.init.first_layer, Whitened)
    assert reasons[0].startswith("crop=padded: ")
    assert reasons[1].startswith("first_layer=whitened: ")
    assert cropped.augmentation.crop == RandomCrop(area_low=0.7)
    assert larger.augmentation.crop == RandomCrop(area_low=0.25)
    assert isinstance(other.init.first_layer, Drawn), "its first convolution has a norm"


@pytest.mark.parametrize(
    ("name", "started", "recipe"),
    [
        ("inception_small", False, "fast"),
        ("googlenet:bn", False, "modern"),
        ("inception_small", True, "finetune"),
    ],
)
def test_the_network_decides_the_recipe(name: str, *, started: bool, recipe: str) -> None:
    opened, net = open_and_split("digits", seed=0), architecture(name)

    assert choose_recipe(opened, net, [], started=started)[0].name == recipe


def test_images_are_moved_by_at_most_half_their_side() -> None:
    opened, net = open_and_split("digits", seed=0), architecture("compact", input=32)

    with pytest.raises(RecipeError) as caught:
        choose_recipe(opened, net, ["crop=padded", "padding=17"])

    assert str(caught.value) == "padding=17: crops of 32 px are moved by at most 16"
    choose_recipe(opened, net, ["crop=padded", "padding=16"])


def test_crops_may_be_smaller_only_where_the_weights_stay_the_same() -> None:
    assert same_weights(architecture("compact", input=128), 0.75)
    assert not same_weights(architecture("googlenet", input=224), 0.75)  # its exits fix the grid


def test_a_crop_side_that_changes_the_weights_is_refused() -> None:
    with pytest.raises(RecipeError) as caught:
        choose_recipe(
            open_and_split("digits", seed=0),
            architecture("googlenet", input=224),
            ["crop_side=0.5"],
        )

    assert str(caught.value) == ("crop_side=0.5: googlenet has other weights at that side; use 1")


def test_small_crops_that_change_the_weights_are_refused() -> None:
    with pytest.raises(RecipeError) as caught:
        choose_recipe(
            open_and_split("digits", seed=0),
            architecture("googlenet", input=224),
            ["small_crops=0.5"],
        )

    assert str(caught.value) == (
        "small_crops=0.5: googlenet has other weights at two thirds of its side; use 0"
    )


@pytest.mark.parametrize(
    ("epochs", "images", "more"),
    [(79, 2_000, False), (80, 2_000, True), (80, 10_000, False), (160, 50_000, True)],
)
def test_images_are_varied_more_where_they_are_seen_very_often(
    epochs: float, images: int, more: bool
) -> None:
    recipe, reasons = vary_more(MODERN, (), epochs=epochs, images=images)

    assert (recipe.augmentation.policy == TrivialAugment()) == more
    assert recipe.mixing.cutmix == more
    assert recipe.mixing.mixup == MODERN.mixing.mixup
    why = f"{epochs} epochs would teach it these {images:,} images by heart"
    assert reasons == ((f"policy=trivial: {why}", f"cutmix=1: {why}") if more else ())
    assert vary_more(recipe, (), epochs=epochs, images=images) == (recipe, ())


def test_how_the_user_varies_images_stays() -> None:
    """So do the papers' recipes; and where images must not be flipped, none is turned."""
    words = ["policy=rand", "mixing.cutmix=0"]
    asked, _ = vary_more(override(MODERN, words), words, epochs=500, images=100)
    upright, _ = vary_more(override(MODERN, ["flip=none"]), [], epochs=500, images=100)
    without, _ = vary_more(MODERN, ["policy=none"], epochs=500, images=100)

    assert (asked.augmentation.policy, asked.mixing.cutmix) == (RandAugment(), 0)
    assert (upright.augmentation.policy, upright.mixing.cutmix) == (None, 1)
    assert (without.augmentation.policy, without.mixing.cutmix) == (None, 1)
    for recipe in (RECIPES["googlenet_2014"], RECIPES["nin_2013"]):
        assert vary_more(recipe, (), epochs=500, images=100) == (recipe, ())
