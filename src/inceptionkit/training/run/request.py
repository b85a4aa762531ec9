"""What `train` is asked for, checked before an image is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from inceptionkit.arguments import (
    DEVICE,
    INPUT_SIZE,
    LISTENER,
    POOLED_EXITS,
    SETTINGS,
    WORKERS,
    several,
)
from inceptionkit.errors import RecipeError
from inceptionkit.machine import cores
from inceptionkit.options import Argument, Option
from inceptionkit.progress import Listener

if TYPE_CHECKING:
    from inceptionkit.spec import Net
    from inceptionkit.training.budget import Budget
    from inceptionkit.training.recipe import Recipe
    from inceptionkit.training.recipes import Found


@dataclass(frozen=True)
class TrainRequest:
    """What to train, on what, and within which limits."""

    data: Annotated[
        str | Path,
        Argument(
            "A folder with one folder of images per class (or with train/, val/ and test/ of "
            "those); a .csv, .tsv or .jsonl manifest; .parquet, .tar or .zip files, also as "
            "'train-{000..012}.tar' or at an s3://, gs://, https:// or hf:// address; or the "
            "built-in `digits`.",
            "DATA",
        ),
    ]
    settings: Annotated[Sequence[str], SETTINGS] = ()
    _: KW_ONLY
    architecture: Annotated[
        str | Net | None,
        Option(
            "Architecture, as `architectures` lists it, or a .json file: one of `design`, or the "
            "run.json of a run.",
            "ARCH",
            default="chosen from the images",
            also=("--arch",),
        ),
    ] = None
    input_size: Annotated[int | None, replace(INPUT_SIZE, default="chosen from the images")] = None
    from_: Annotated[
        str | Path | None,
        Option("Model, run, weights file, or id of released weights to start from.", "MODEL"),
    ] = None
    cost: Annotated[
        Sequence[str],
        Option(
            "Limit of what one image may cost: 300MMAC, 2Mparams, 8MiB of activations, or 30ms "
            "measured here; the architecture is scaled to it. Repeat to set several limits.",
            "LIMIT",
        ),
    ] = ()
    exits: Annotated[
        str | Sequence[str] | None,
        Option(
            'Comma-separated blocks to attach exits to, or "none".',
            "BLOCK,...",
            default="the architecture's own",
        ),
    ] = None
    pooled_exits: Annotated[bool, POOLED_EXITS] = False
    recipe: Annotated[
        str | Recipe | None,
        Option(
            "Recipe, as `recipes` lists it, or a .json file.",
            "RECIPE",
            default="modern, or finetune with --from",
        ),
    ] = None
    budget: Annotated[
        str | None,
        Option("Limit of the training: 10min or 1.5h of the whole command, 2e15flop, or 30epochs."),
    ] = None
    epochs: Annotated[
        int | None, Option("Passes over the training images.", default="the recipe's", min=1)
    ] = None
    batch: Annotated[int | None, Option("Images per step.", default="the recipe's", min=2)] = None
    seed: Annotated[
        int, Option("Seed of the split, the initial weights and every random draw.")
    ] = 0
    out: Annotated[
        str | Path | None, Option("Folder of the run.", default="the next number under runs/")
    ] = None
    precision: Annotated[
        Literal["auto", "fp32", "bf16", "fp16", "fp64"],
        Option("Precision; auto takes the fastest in a short probe, fp16 needs a GPU."),
    ] = "auto"
    device: Annotated[str | None, DEVICE] = None
    strict: Annotated[bool, Option("Treat unreadable images as errors.")] = False
    workers: Annotated[int | None, WORKERS] = None
    balance: Annotated[
        Literal["auto", "none", "loss", "sample"],
        Option(
            "Classes of unequal size: loss weighs mistakes in small ones more, sample draws each "
            "class equally often."
        ),
    ] = "auto"
    find_lr: Annotated[bool, Option("Choose the learning rate with a short range test.")] = False
    track: Annotated[bool, Option("Also write TensorBoard events into the run.")] = False
    listener: Annotated[Listener | None, LISTENER] = None

    @property
    def device_name(self) -> str:
        """The device to train on."""
        from inceptionkit.network.device import default_device

        return self.device or default_device()

    @property
    def stored(self) -> TrainRequest:
        """What run.json keeps: names in place of a network and a recipe, which stand beside it."""
        from inceptionkit.spec import Net
        from inceptionkit.training.recipe import Recipe

        net, recipe = self.architecture, self.recipe
        return replace(
            self,
            data=str(self.data),
            settings=several(self.settings),
            architecture=net.name if isinstance(net, Net) else net,
            from_=None if self.from_ is None else str(self.from_),
            cost=self.costs,
            exits=self.exit_names,
            recipe=recipe.name if isinstance(recipe, Recipe) else recipe,
            out=None if self.out is None else str(self.out),
            device=self.device_name,
            listener=None,
        )

    @property
    def costs(self) -> tuple[str, ...]:
        """The limits of what one image may cost."""
        return several(self.cost)

    @property
    def decoding_threads(self) -> int:
        """Number of images that are decoded at once."""
        return self.workers or cores()

    @property
    def exit_names(self) -> tuple[str, ...] | None:
        """Blocks to attach exits to; None for the architecture's own."""
        if self.exits is None or not isinstance(self.exits, str):
            return None if self.exits is None else tuple(self.exits)
        names = () if self.exits == "none" else self.exits.split(",")
        return tuple(name.strip() for name in names)

    @property
    def overrides(self) -> tuple[str, ...]:
        """Settings of the recipe, `batch` and `balance` among them."""
        batch = () if self.batch is None else (f"batch={self.batch}",)
        balance = () if self.balance == "auto" else (f"balance={self.balance}",)
        return (*several(self.settings), *batch, *balance)


def check_request(request: TrainRequest) -> None:
    """Refuse misspelt settings, costs that are none, and options that exclude each other.

    No image was read yet.

    Raises:
        RecipeError, UnknownNameError, SpecError: so it is.
    """
    from inceptionkit.derive.design.budget import parse as parse_cost
    from inceptionkit.training.recipe import override

    if not 0 <= request.seed < 2**63:
        msg = f"a seed must lie between 0 and 2^63 - 1, got {request.seed}"
        raise RecipeError(msg)
    resolve_budget(request)
    override(resolve_recipe(request).recipe, request.overrides)
    for text in request.costs:
        parse_cost(text)
    keys = {setting.partition("=")[0] for setting in request.overrides}
    if request.find_lr and "lr" in keys:
        msg = "lr and --find-lr both decide the learning rate; leave one out"
        raise RecipeError(msg)
    if request.from_ is not None:
        for option, given in (("--arch", request.architecture), ("--cost", request.costs)):
            if given:
                msg = f"--from {request.from_} brings its architecture; leave {option} out"
                raise RecipeError(msg)
        if "pixel_std" in keys:
            msg = f"--from {request.from_} brings its preprocessing; leave pixel_std out"
            raise RecipeError(msg)


def resolve_recipe(request: TrainRequest) -> Found:
    """The recipe, however it was given."""
    from inceptionkit.training import recipes
    from inceptionkit.training.recipe import Recipe

    if isinstance(request.recipe, Recipe):
        return recipes.Found(request.recipe)
    return recipes.find(request.recipe or ("modern" if request.from_ is None else "finetune"))


def resolve_budget(request: TrainRequest) -> Budget | None:
    """The budget, however it was given; None for the recipe's epochs.

    Raises:
        RecipeError: it was given twice, or is none.
    """
    from inceptionkit.training.budget import parse_budget

    budget, epochs = request.budget, request.epochs
    if budget is not None and epochs is not None:
        msg = f"a run has one budget, got --budget {budget} and --epochs {epochs}; choose one"
        raise RecipeError(msg)
    if epochs is not None:
        return parse_budget(f"{epochs}epochs")
    return None if budget is None else parse_budget(budget)
