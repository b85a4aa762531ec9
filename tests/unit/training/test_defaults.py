"""What of a recipe suits the images, and what the user sets stays."""

import pytest

from inceptionkit.catalog import architecture
from inceptionkit.data.loading.sets import open_and_split
from inceptionkit.data.transforms.augmentation import Augmentation, PaddedCrop, RandomCrop
from inceptionkit.errors import RecipeError
from inceptionkit.training.defaults import choose_recipe, same_weights
from inceptionkit.training.recipe import MODERN


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
