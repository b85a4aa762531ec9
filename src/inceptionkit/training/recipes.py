"""The recipes that ship: those of the papers and of published code, and ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from inceptionkit.data.transforms.augmentation import (
    Augmentation,
    InceptionColors,
    Photometric,
    RandomCrop,
)
from inceptionkit.errors import RecipeError, UnknownNameError, did_you_mean
from inceptionkit.files import read_bounded
from inceptionkit.records import STRICT, TYPE, Json, from_json, to_json
from inceptionkit.training.recipe import (
    MODERN,
    Batching,
    Freezing,
    Initialization,
    Inputs,
    Loss,
    Recipe,
    TrainedNorms,
)
from inceptionkit.training.updates import SGD, FixedEMA, MultiStep, Muon, Polyak, RMSPropTF, Step

SUFFIX = ".json"
LARGEST_FILE = 2**20  # bytes; a recipe has 2 KiB

FINETUNE = replace(
    MODERN,
    name="finetune",
    source="ours: `modern` for weights that have learnt something already",
    departs=(),
    epochs=15,
    optimizer=SGD(lr=0.1),
    freezing=Freezing(layer_decay=0.9),
    augmentation=Augmentation(crop=RandomCrop(area_low=0.25)),
)

FAST = replace(
    MODERN,
    name="fast",
    source="ours, for networks with batch norm that are not deep: Muon, and what the public "
    "program airbench94_muon (arXiv:2404.00498) trains with",
    departs=(
        "the average of the last updates is kept, as in `modern`; airbench has none beside Muon",
        "batches are smaller, for runs of minutes on a CPU; rates are in proportion",
        "images of more than 48 px are cropped at random, as in `modern`, in place of moved",
    ),
    epochs=20,
    batching=Batching(batch=512),
    optimizer=Muon(lr=0.24, lr_batch=512),
    loss=Loss(label_smoothing=0.2),
    norms=TrainedNorms(norm_bias_rate=8.0),
    init=Initialization(identity=True),
    augmentation=Augmentation(crop=RandomCrop(area_low=0.25)),
)

# What the papers' recipes have in common: nothing that came later.
_AS_PUBLISHED = replace(MODERN, loss=Loss(label_smoothing=0.0, refit_exits=False), average=None)
_WHOLE_IMAGE = RandomCrop(area_low=1.0, aspect=1.0)

_NIN_2013 = replace(
    _AS_PUBLISHED,
    name="nin_2013",
    source="arXiv:1312.4400 section 4, and its author's cuda-convnet files for CIFAR-10",
    departs=(
        "biases learn as fast as weights: the author's files double their rate",
        "so does the last 1x1 convolution: the author's files give it a tenth",
        "the paper whitens CIFAR-10 (global contrast normalization, ZCA); here images are scaled",
        "the paper divides the rate by 10 when accuracy stalls; here at the epochs of the files",
    ),
    epochs=260,
    schedule=MultiStep(warmup=0.0, factor=0.1, milestones=(200.0, 230.0)),
    optimizer=SGD(lr=0.1, lr_batch=128, nesterov=False, weight_decay=1e-4),
    augmentation=Augmentation(crop=_WHOLE_IMAGE, flip="random"),
)

_GOOGLENET_2014 = replace(
    _AS_PUBLISHED,
    name="googlenet_2014",
    source="arXiv:1409.4842 section 6; what it leaves open from Caffe's bvlc_googlenet",
    departs=(
        "the paper's SGD is asynchronous, of many machines; here updates follow one another",
        "rate, batch, weight decay and length are Caffe's: the paper does not state them",
        "biases learn as fast as weights: Caffe's files double their rate",
        "pixels are not divided, as in Caffe: scaled to 1 they drown in first biases of 0.2",
        "the paper does not state what Polyak averaging covers; here the last half of the run",
    ),
    epochs=250,
    batching=Batching(batch=32),
    schedule=Step(warmup=0.0, factor=0.96, decay_epochs=8.0),
    optimizer=SGD(lr=0.01, lr_batch=32, nesterov=False, weight_decay=2e-4),
    loss=Loss(label_smoothing=0.0, exit_weight=0.3, refit_exits=False),
    average=Polyak(polyak_share=0.5, ema_every=1),
    inputs=Inputs(pixel_std=1 / 255),
    augmentation=Augmentation(
        interpolation="random", flip="random", policy=Photometric(strength=0.5)
    ),
)

_KERAS_GOOGLENET = replace(
    _AS_PUBLISHED,
    name="keras_googlenet",
    source="the Keras tutorial of GoogLeNet on CIFAR-10 upscaled to 224 px, `--arch googlenet`: "
    "rate 0.01 * 0.96^floor((1 + epoch) / 8), loss weights 1, 0.3, 0.3",
    departs=(
        "the tutorial's 5x5 paths have 3x3 kernels (`--arch googlenet:torchvision` has them too)",
        "the tutorial overwrites its labels with images and never scales val; both are fixed",
    ),
    epochs=25,
    batching=Batching(batch=256),
    schedule=Step(warmup=0.0, factor=0.96, decay_epochs=8.0, shift_epochs=1.0),
    optimizer=SGD(lr=0.01, lr_batch=256, nesterov=False, weight_decay=0.0),
    loss=Loss(label_smoothing=0.0, exit_weight=0.3, refit_exits=False),
    augmentation=Augmentation(crop=_WHOLE_IMAGE, flip="none"),
)

_INCEPTION_V3_2015 = replace(
    _AS_PUBLISHED,
    name="inception_v3_2015",
    source="arXiv:1512.00567 section 8; momentum, weight decay, exit weight, decays of averages, "
    "crops and colors from TensorFlow's published trainer",
    departs=(
        "50 replicas updated the weights asynchronously; here updates follow one another",
        "TensorFlow's crops follow annotated boxes; here they are free",
    ),
    epochs=100,
    batching=Batching(batch=32),
    schedule=Step(warmup=0.0, factor=0.94, decay_epochs=2.0),
    optimizer=RMSPropTF(
        lr=0.045,
        lr_batch=32,
        momentum=0.9,
        alpha=0.9,
        eps=1.0,
        weight_decay=4e-5,
        clip_grad_norm=2.0,
    ),
    loss=Loss(label_smoothing=0.1, exit_weight=0.4, refit_exits=False),
    average=FixedEMA(ema_decay=0.9999, ema_every=1),
    norms=TrainedNorms(norm_decay=0.9997),
    augmentation=Augmentation(
        crop=RandomCrop(area_low=0.05),
        interpolation="random",
        flip="random",
        policy=InceptionColors(),
    ),
)

RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        recipe.name: recipe
        for recipe in (
            MODERN, FINETUNE, FAST,
            _NIN_2013, _GOOGLENET_2014, _KERAS_GOOGLENET, _INCEPTION_V3_2015,
        )
    }
)  # fmt: skip
OURS = (MODERN, FINETUNE, FAST)  # suited to the images; others stay as they are


@dataclass(frozen=True, slots=True)
class Found:
    """A recipe, and what it took from `modern` because its file does not say."""

    recipe: Recipe
    assumed: tuple[str, ...] = ()

    def says(self) -> tuple[str, ...]:
        """In words, what a user may not expect."""
        recipe = self.recipe
        said: tuple[str, ...] = (
            () if recipe.name == MODERN.name else (f"recipe {recipe.name}: {recipe.source}",)
        )
        if self.assumed:
            said += (f"recipe {recipe.name} takes from {MODERN.name}: {', '.join(self.assumed)}",)
        return said


def find(name: str) -> Found:
    """Look up a recipe.

    Args:
        name: of one that ships, or path of a file that ends in .json.

    Raises:
        UnknownNameError: no such recipe.
        RecipeError: the file is none.
    """
    if name.endswith(SUFFIX):
        return read(Path(name))
    if name not in RECIPES:
        msg = f"no recipe is called {name!r}; {did_you_mean(name, RECIPES)}"
        raise UnknownNameError(msg)
    return Found(RECIPES[name])


def read(path: Path) -> Found:
    """Read a recipe file: what `inceptionkit recipes NAME` prints, or some of its keys.

    Raises:
        RecipeError: it is missing, no JSON object, has an unknown key or a wrong value.
    """
    try:
        data = STRICT.decode(read_bounded(path, LARGEST_FILE).decode())
    except OSError as error:
        msg = f"{path}: cannot be read ({error.strerror}); `inceptionkit recipes NAME` prints one"
        raise RecipeError(msg) from error
    except (ValueError, RecursionError) as error:
        msg = f"{path}: is no JSON ({error}); `inceptionkit recipes NAME` prints a recipe"
        raise RecipeError(msg) from error
    if not isinstance(data, dict):
        msg = f"{path}: must be a JSON object; `inceptionkit recipes NAME` prints a recipe"
        raise RecipeError(msg)
    own = {"name": path.stem, "source": str(path), "departs": []} | data
    if own["name"] in {recipe.name for recipe in OURS}:  # which are suited to the images
        own["name"] = path.name
    try:
        recipe = from_json(Recipe, own, at="", error=RecipeError, base=MODERN)
    except RecipeError as error:
        msg = f"{path}: {error}"
        raise RecipeError(msg) from error
    return Found(recipe, tuple(_missing(to_json(recipe), own)))


def _missing(whole: Mapping[str, Json], given: Mapping[str, Json], at: str = "") -> Iterator[str]:
    """Keys of a whole recipe that a file leaves out."""
    for key, value in whole.items():
        if key not in given and key != TYPE:
            yield f"{at}{key}"
        elif isinstance(value, Mapping) and isinstance(given.get(key), Mapping):
            yield from _missing(value, given[key], f"{at}{key}.")
