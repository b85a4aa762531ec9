"""`train`: prepare, decide, write down, follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import torch

from inceptionkit.data.loading.sampling import class_histogram
from inceptionkit.data.loading.sets import LoadedSets, SplitDataset, open_and_split
from inceptionkit.data.quality.groups import load_grouped
from inceptionkit.errors import RecipeError, RunError
from inceptionkit.machine import cores
from inceptionkit.preprocess import Preprocessing
from inceptionkit.progress import Listener, Silence
from inceptionkit.spec import Net, from_json, to_json
from inceptionkit.training.budget import Epochs
from inceptionkit.training.defaults import choose_recipe, train_counts
from inceptionkit.training.distributed import Processes, processes, take_gpu
from inceptionkit.training.execution import check_device, check_precision, default_device
from inceptionkit.training.recipe import LIMITS, MODERN, Recipe
from inceptionkit.training.run import folder as folders
from inceptionkit.training.run.choices import Choice, choose_net, choose_scaled, choose_start
from inceptionkit.training.run.finish import Finished
from inceptionkit.training.run.record import Record, read_record, same_run
from inceptionkit.training.run.request import (
    Asked,
    check_asked,
    check_seed,
    wanted_budget,
    wanted_recipe,
)
from inceptionkit.training.run.run import Run
from inceptionkit.training.run.session import follow
from inceptionkit.training.run.tensorboard import check_tracking


def train(  # noqa: PLR0913 - the options of the verb, each with its default
    data: str | Path,
    *,
    architecture: str | Net | None = None,
    input: int | None = None,  # noqa: A002 - the command line's word
    model: str | Path | None = None,
    cost: str | Sequence[str] = (),
    exits: Sequence[str] | None = None,
    pooled_exits: bool = False,
    recipe: str | Recipe | None = None,
    budget: str | None = None,
    epochs: int | None = None,
    batch: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    settings: Sequence[str] = (),
    precision: str = "auto",
    device: str | None = None,
    strict: bool = False,
    workers: int | None = None,
    balance: str = "auto",
    find_rate: bool = False,
    track: bool = False,
    listener: Listener | None = None,
    began: float | None = None,
) -> Finished:
    """Train a classifier on labelled images, score it, and write a run folder.

    Where torchrun started several processes they compute the run together, and a command that is
    given again goes on with its run.

    Args:
        data: "digits", a folder of class folders, a manifest, or shards, here or at an address.
        architecture: name in the catalog, or a spec; chosen from the images if None.
        input: side of the square input, pixels; chosen from the images if None.
        model: folder of a model or a run, weights file, or id of released weights, whose weights,
            architecture and preprocessing to start from; if it has other classes than the images,
            every classifier is drawn anew.
        cost: what the answer to one image may cost, one or more of "300MMAC", "2Mparams", "8MiB"
            of activations, "30ms" measured here; the architecture is scaled to it.
        exits: blocks of the trunk after which exits stand; those of the architecture if None.
        pooled_exits: whether exits average over the whole grid, so that any input serves; those of
            a scaled architecture do.
        recipe: name of one that ships, path of a JSON file, or a recipe; if None "finetune" where
            there is a `model`, else "modern".
        budget: what training may cost: "10min" for the whole command, "2e15flop", "30epochs".
        epochs: passes over the training images, where there is no budget.
        batch: images in an update; the recipe's if None.
        seed: of the division into sets, the first weights, and every random draw.
        out: folder of the run; the next number under `runs/` if None.
        settings: of the recipe, as "key=value".
        precision: "auto", "fp32", "bf16", on GPUs "fp16", or "fp64".
        device: "cpu", "cuda", ...; a GPU if there is one.
        strict: whether an unusable image is an error.
        workers: how many images are decoded at once; one for each core if None. No result depends
            on it.
        balance: "none", "loss" (mistakes in small classes weigh more), "sample" (each class comes
            equally often), or "auto": what suits the sizes of the classes, or what a recipe says
            that is not ours.
        find_rate: whether a sweep of some updates chooses the learning rate.
        track: whether to write TensorBoard events too; needs the package tensorboard.
        listener: hears what is decided and how far it is.
        began: `time.monotonic()` when the command started, for a time budget.

    Raises:
        DataError, RecipeError, UnknownNameError, SpecError, WeightsError: a request that cannot be
            met; nothing was trained.
        RunError: the run folder cannot be written.
        TrainingError: the run cannot go on; the last checkpoint is whole.
        Interrupted: asked to stop; the state is saved.
    """
    began = monotonic() if began is None else began
    device = device or default_device()
    take_gpu(device)
    check_device(device)
    check_precision(precision, device)
    check_seed(seed)
    if track:
        check_tracking()
    costs = [cost] if isinstance(cost, str) else cost
    asked = Asked(
        data=data,
        architecture=architecture,
        input=input,
        model=model,
        costs=costs,
        exits=exits,
        pooled_exits=pooled_exits,
        recipe=wanted_recipe(recipe, model),
        settings=[
            *settings,
            *([] if batch is None else [f"batch={batch}"]),
            *([] if balance == "auto" else [f"balance={balance}"]),
        ],
        budget=wanted_budget(budget, epochs),
        seed=seed,
        precision=precision,
        device=device,
        strict=strict,
        workers=workers or cores(),
        find_rate=find_rate,
        track=track,
    )
    check_asked(asked)
    place = None if out is None else Path(out)
    made = place is None or not place.exists()
    with processes(device) as group:
        heard = (listener or Silence()) if group.first else Silence()
        run = decided(asked, place, group, heard, began)
        try:
            return follow(run)
        except RecipeError:  # a budget too small for one epoch: nothing is worth keeping
            if group.first and not run.record.plans:
                folders.empty(run.folder)
                if made:
                    run.folder.rmdir()
            raise


def decided(
    asked: Asked, out: Path | None, group: Processes, listener: Listener, began: float
) -> Run:
    """Read the images, decide what is open, write it down."""
    opened = open_and_split(asked.data, seed=asked.seed)
    choice = chosen(asked, opened, group, listener)
    recipe, suited = choose_recipe(opened, choice.net, asked.settings, asked.recipe.recipe)
    preprocessing, recipe, kept = prepared(choice, recipe)
    reasons = [*choice.reasons, *asked.recipe.says(), *suited, *kept]
    tell(opened, reasons, listener)
    if group.count == 1:
        folders.free(out)
    opened, ready = load_grouped(
        opened,
        preprocessing,
        seed=asked.seed,
        workers=asked.workers,
        strict=asked.strict,
        listener=listener,
    )
    check_processes(recipe, len(ready.train), group)
    record = Record(
        data=facts(opened, ready),
        net=choice.net,
        preprocessing=preprocessing,
        recipe=recipe,
        seed=asked.seed,
        budget=asked.budget or Epochs(recipe.epochs),
        threads=torch.get_num_threads(),
        device=asked.device,
        precision=asked.precision,
        reasons=[f"sets: {opened.sets.rule}", *reasons],
        start=choice.start,
        find_rate=asked.find_rate,
        track=asked.track,
        strict=asked.strict,
        processes=group.count,
    )
    run = Run(Path(), record, opened.dataset, ready, listener, began, group)
    settle(run, out, opened.address)
    return run


def prepared(choice: Choice, recipe: Recipe) -> tuple[Preprocessing, Recipe, tuple[str, ...]]:
    """What makes pixels the input, as the recipe says or a model that the run starts from.

    Returns:
        The preprocessing; the recipe, with the model's `pixel_std` where one number says it; and
        why it is not what the recipe wanted, where it wanted something special.
    """
    own, wanted = choice.preprocessing, recipe.pixel_std
    if choice.start is None:
        return replace(own, std=(wanted,) * 3), recipe, ()
    low, high = LIMITS["pixel_std"]
    if low <= min(own.std) == max(own.std) <= high:
        recipe = replace(recipe, pixel_std=own.std[0])
    if wanted == MODERN.pixel_std or own.std == (wanted,) * 3:
        return own, recipe, ()
    why = (
        f"std={', '.join(f'{std:g}' for std in own.std)}: {choice.start.model} brings its "
        f"preprocessing, so that pixel_std={wanted:g} of recipe {recipe.name} has no use"
    )
    return own, recipe, (why,)


def tell(opened: SplitDataset, reasons: Sequence[str], listener: Listener) -> None:
    """Say what the images are, and what was decided."""
    listener.say(f"{opened.dataset.address}: {counts(opened)}")
    listener.say(f"sets: {opened.sets.rule}")
    histogram = class_histogram(opened.dataset.classes, train_counts(opened))
    listener.say(f"training images:\n{histogram}")
    for reason in reasons:
        listener.say(reason)


def settle(run: Run, out: Path | None, address: str) -> None:
    """Give a run its folder: a new one, or that of the same run which several processes began.

    Raises:
        RunError: it cannot be made, in every process.
    """
    group, record = run.processes, run.record
    begun = folders.begun(out, address, record.net.name) if group.count > 1 else []
    same = [str(folder) for folder in begun if same_run(folder, record)]
    if known := group.told(same):
        run.folder = Path(known[0])
        run.record = replace(read_record(run.folder), track=record.track)
        run.listener.say(f"goes on with {run.folder}")
        return
    refusal = ""
    if group.first:
        try:
            run.folder = written_down(run, out, address)
        except RunError as error:
            refusal = str(error)
    if refusal := group.told(refusal):
        raise RunError(refusal)
    run.folder = Path(group.told(str(run.folder)))


def written_down(run: Run, out: Path | None, address: str) -> Path:
    """Make the folder of a new run, with all that is decided."""
    folder = folders.new_folder(out, address, run.record.net.name)
    folders.write_unusable(folder, run.ready.unusable)
    run.record.write(folder)
    if run.ready.unusable:
        count = len(run.ready.unusable)
        run.listener.say(f"{count} images cannot be used: {folder / folders.UNUSABLE}")
    return folder


def check_processes(recipe: Recipe, images: int, group: Processes) -> None:
    """Refuse more processes than an update has images, where there are so many to train with."""
    batch = min(recipe.batch, images)
    if batch < group.count:
        msg = f"{group.count} processes cannot share an update of {batch} images; "
        raise RecipeError(msg + f"start {batch} at most")


def chosen(asked: Asked, opened: SplitDataset, group: Processes, listener: Listener) -> Choice:
    """The network for these images."""
    classes = opened.dataset.classes
    if asked.model is not None:
        return choose_start(
            asked.model,
            asked.input,
            asked.exits,
            classes=classes,
            pooled_exits=asked.pooled_exits,
        )
    if not asked.costs:
        return choose_net(
            asked.architecture,
            asked.input,
            asked.exits,
            classes=len(classes),
            short_side=opened.sizes.median,
            gpu=asked.device.startswith("cuda"),
            pooled_exits=asked.pooled_exits,
        )
    choice = choose_scaled(
        asked.costs,
        asked.architecture,
        asked.input,
        asked.exits,
        classes=len(classes),
        short_side=opened.sizes.median,
        device=asked.device,
        listener=listener,
    )  # a time is not the same in every process: what the first one measured counts
    return replace(choice, net=from_json(group.told(to_json(choice.net))))


def counts(opened: SplitDataset) -> str:
    """Images and classes in words."""
    sets = opened.sets
    return (
        f"{len(opened.dataset.samples):,} images in {len(opened.dataset.classes)} classes; "
        f"train {len(sets.train):,}, val {len(sets.val):,}, test {len(sets.test):,}"
    )


def facts(opened: SplitDataset, ready: LoadedSets) -> dict[str, Any]:
    """What run.json says of the data."""
    return {
        "address": opened.address,
        "fingerprint": opened.dataset.fingerprint(),
        "classes": list(opened.dataset.classes),
        "sets": {"train": len(ready.train), "val": len(ready.val), "test": len(ready.test)},
        "rule": opened.sets.rule,
        "unusable": len(ready.unusable),
        **({"duplicate_groups": opened.duplicate_groups} if opened.duplicate_groups else {}),
    }
