"""What `train` is asked for, checked before an image is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from inceptionkit.arguments import (
    CLASSES,
    DEVICE,
    IMAGE_COLUMN,
    INPUT_SIZE,
    LABEL_COLUMN,
    LISTENER,
    POOLED_EXITS,
    SETTINGS,
    WORKERS,
)
from inceptionkit.display import SHOWN
from inceptionkit.errors import RecipeError
from inceptionkit.options import Argument, Option, several
from inceptionkit.progress import Listener

FIRST_WEIGHTS = frozenset({"first_layer", "bias_share", "identity"})  # settings

if TYPE_CHECKING:
    from inceptionkit.spec import Net
    from inceptionkit.training.budget import Budget
    from inceptionkit.training.recipe import Recipe


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
            group="Network",
        ),
    ] = None
    input_size: Annotated[
        int | None, replace(INPUT_SIZE, default="chosen from the images", group="Network")
    ] = None
    from_: Annotated[
        str | Path | None,
        Option(
            "Model, run, weights file, or id of released weights to start from; none for random "
            "ones.",
            "MODEL",
            default="inceptionkit/small where a probe finds it better",
            group="Network",
        ),
    ] = None
    cost: Annotated[
        Sequence[str],
        Option(
            "Limit of what one image may cost: 300MMAC, 2Mparams, 8MiB of activations, or 30ms "
            "measured here; the architecture is scaled to it. Repeat to set several limits.",
            "LIMIT",
            group="Network",
        ),
    ] = ()
    exits: Annotated[
        str | Sequence[str] | None,
        Option(
            'Comma-separated blocks to attach exits to, or "none".',
            "BLOCK,...",
            default="the architecture's own",
            group="Network",
        ),
    ] = None
    pooled_exits: Annotated[bool, replace(POOLED_EXITS, group="Network")] = False
    recipe: Annotated[
        str | Recipe | None,
        Option(
            "Recipe, as `recipes` lists it, or a .json file.",
            "RECIPE",
            default="finetune from a model, fast for inception_small, else modern",
            group="Training",
        ),
    ] = None
    budget: Annotated[
        str | None,
        Option(
            "Limit of the training: 10min or 1.5h of the whole command, 2e15flop, or 30epochs.",
            "LIMIT",
            group="Training",
        ),
    ] = None
    epochs: Annotated[
        int | None,
        Option("Passes over the training images.", default="the recipe's", min=1, group="Training"),
    ] = None
    batch: Annotated[
        int | None, Option("Images per step.", default="the recipe's", min=2, group="Training")
    ] = None
    seed: Annotated[
        int, Option("Seed of the initial weights and every random draw.", group="Training")
    ] = 0
    split_seed: Annotated[
        int,
        Option(
            "Seed of the division into train, val and test, which --seed does not change.",
            group="Data",
        ),
    ] = 0
    out: Annotated[
        str | Path | None,
        Option("Folder of the run.", default="the next number under runs/", group="Run"),
    ] = None
    precision: Annotated[
        Literal["auto", "fp32", "bf16", "fp16", "fp64"],
        Option(
            "Precision; auto takes the fastest in a short probe, fp16 needs a GPU.", group="Machine"
        ),
    ] = "auto"
    classes: Annotated[str | Sequence[str] | None, CLASSES] = None
    image_column: Annotated[str | None, IMAGE_COLUMN] = None
    label_column: Annotated[str | None, LABEL_COLUMN] = None
    device: Annotated[str | None, DEVICE] = None
    strict: Annotated[bool, Option("Treat unreadable images as errors.", group="Data")] = False
    workers: Annotated[int | None, WORKERS] = None
    balance: Annotated[
        Literal["auto", "none", "loss", "sample"],
        Option(
            "Classes of unequal size: loss weighs mistakes in small ones more, sample draws each "
            "class equally often.",
            group="Training",
        ),
    ] = "auto"
    find_lr: Annotated[
        bool, Option("Choose the learning rate with a short range test.", group="Training")
    ] = False
    track: Annotated[
        Literal["tensorboard", "wandb", "mlflow"] | None,
        Option(
            "Experiment tracker that also gets curves, settings, scores and the report.",
            default="none",
            group="Run",
        ),
    ] = None
    listener: Annotated[Listener | None, LISTENER] = SHOWN

    def stored(self, device: str) -> TrainRequest:
        """What run.json keeps: names in place of a network and a recipe, which stand beside it."""
        from inceptionkit.spec import Net
        from inceptionkit.training.recipe import Recipe

        net, recipe, exits, only = self.architecture, self.recipe, self.exits, self.classes
        return replace(
            self,
            data=str(self.data),
            settings=several(self.settings),
            architecture=net.name if isinstance(net, Net) else net,
            from_=None if self.from_ is None else str(self.from_),
            cost=several(self.cost),
            exits=exits if exits is None or isinstance(exits, str) else tuple(exits),
            recipe=recipe.name if isinstance(recipe, Recipe) else recipe,
            classes=only if only is None or isinstance(only, str) else tuple(only),
            out=None if self.out is None else str(self.out),
            device=device,
            listener=None,
        )


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """What a request asks for, checked and spelled out."""

    recipe: Recipe  # as it was found
    settings: tuple[str, ...]  # on top of it, `batch` and `balance` among them
    reasons: tuple[str, ...]  # what of the recipe a user may not expect
    budget: Budget | None  # None for the recipe's epochs
    costs: tuple[str, ...]  # limits of what one image may cost
    exits: tuple[str, ...] | None  # blocks to attach exits to; None for the architecture's own
    from_: str | Path | None  # the model that the run starts from
    probes: bool  # whether a probe may find one
    device: str
    workers: int
    machine: Mapping[str, Any]  # as a record keeps it
    stored: TrainRequest  # as a record keeps it


def resolve(
    request: TrainRequest, device: str, workers: int, machine: Mapping[str, Any]
) -> Resolved:
    """Spell out a request. No image was read yet.

    Raises:
        RecipeError, UnknownNameError, SpecError: a setting is misspelt, a cost or a budget is none,
            or options exclude each other.
    """
    from inceptionkit.derive.design.budget import parse as parse_cost
    from inceptionkit.training.budget import Epochs, parse_budget
    from inceptionkit.training.recipe import override
    from inceptionkit.training.recipes import FAST

    if wrong := [one for one in (request.seed, request.split_seed) if not 0 <= one < 2**63]:
        msg = f"a seed must lie between 0 and 2^63 - 1, got {wrong[0]}"
        raise RecipeError(msg)
    budget, epochs, exits = request.budget, request.epochs, request.exits
    if budget is not None and epochs is not None:
        msg = f"a run has one budget, got --budget {budget} and --epochs {epochs}; choose one"
        raise RecipeError(msg)
    stored, costs = request.stored(device), several(request.cost)
    recipe, reasons = FAST, tuple[str, ...]()  # takes every setting that `MODERN` takes, too
    from_ = None if request.from_ == "none" else request.from_
    if request.recipe is not None or from_ is not None:
        recipe, reasons = _found(request.recipe or "finetune")
    batch = () if request.batch is None else (f"batch={request.batch}",)
    balance = () if request.balance == "auto" else (f"balance={request.balance}",)
    if isinstance(exits, str):
        exits = [] if exits == "none" else [name.strip() for name in exits.split(",")]
    resolved = Resolved(
        recipe=recipe,
        settings=(*several(request.settings), *batch, *balance),
        reasons=reasons if request.precision != "bf16" else (*reasons, *_slowness(device)),
        budget=Epochs(epochs) if epochs else None if budget is None else parse_budget(budget),
        costs=costs,
        exits=None if exits is None else tuple(exits),
        from_=from_,
        probes=not (request.from_ or request.architecture or request.recipe or costs),
        device=device,
        workers=workers,
        machine=machine,
        stored=stored,
    )
    override(resolved.recipe, resolved.settings)
    for text in resolved.costs:
        parse_cost(text)
    keys = {setting.partition("=")[0] for setting in resolved.settings}
    if request.find_lr and "lr" in keys:
        msg = "lr and --find-lr both decide the learning rate; leave one out"
        raise RecipeError(msg)
    if from_ is not None:
        _check_start(request, resolved, keys)
    from_nothing = {"pixel_std", *FIRST_WEIGHTS}  # settings of a run from random weights alone
    return replace(resolved, probes=resolved.probes and from_nothing.isdisjoint(keys))


def _slowness(device: str) -> tuple[str, ...]:
    """That bf16 is slow on this device, if it is."""
    from inceptionkit.training.autotune import candidates

    if any(one.precision == "bf16" for one in candidates(device, 1)):
        return ()
    why = "this processor has no instructions for it, so that it may take ten times as long as fp32"
    return (f"precision bf16: {why}; without --precision the fastest is taken",)


def _found(recipe: str | Recipe) -> tuple[Recipe, tuple[str, ...]]:
    """A recipe, and what of it a user may not expect."""
    from inceptionkit.training import recipes

    found = recipes.find(recipe) if isinstance(recipe, str) else recipes.Found(recipe)
    return found.recipe, found.says()


def _check_start(request: TrainRequest, resolved: Resolved, keys: set[str]) -> None:
    """Refuse what a model that the run starts from brings along."""
    for option, given in (("--arch", request.architecture), ("--cost", resolved.costs)):
        if given:
            msg = f"--from {request.from_} brings its architecture; leave {option} out"
            raise RecipeError(msg)
    if "pixel_std" in keys:
        msg = f"--from {request.from_} brings its preprocessing; leave pixel_std out"
        raise RecipeError(msg)
    if beginning := keys & FIRST_WEIGHTS:
        msg = f"--from {request.from_} brings its first weights; leave {min(beginning)} out"
        raise RecipeError(msg)
