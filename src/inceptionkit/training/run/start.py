"""The start of a run: read the images, decide what the user left open, write it down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from inceptionkit.data import Dataset, split_dataset
from inceptionkit.data.loading.sampling import class_histogram
from inceptionkit.data.loading.sets import LoadedSets, SplitDataset, load_sets, open_and_split
from inceptionkit.data.quality.groups import load_grouped
from inceptionkit.errors import RecipeError, RunError
from inceptionkit.preprocess import Preprocessing
from inceptionkit.progress import Listener
from inceptionkit.spec import from_json, to_json
from inceptionkit.training.defaults import (
    choose_net,
    choose_recipe,
    choose_scaled,
    train_counts,
)
from inceptionkit.training.distributed import Processes
from inceptionkit.training.net_choice import NetChoice
from inceptionkit.training.recipe import MODERN, PIXEL_STD, Recipe
from inceptionkit.training.run import folder as folders
from inceptionkit.training.run.initial_weights import InitialWeights, choose_start
from inceptionkit.training.run.record import Record, read_record, same_run
from inceptionkit.training.run.request import TrainRequest, resolve_recipe
from inceptionkit.training.run.session import Session


def start_run(
    request: TrainRequest, out: Path | None, group: Processes, listener: Listener, start_time: float
) -> Session:
    """Read the images, decide what is open, write it down.

    Raises:
        DataError, RecipeError, UnknownNameError, SpecError, WeightsError: a request that cannot be
            met.
        RunError: the run folder cannot be written.
    """
    asked = resolve_recipe(request)
    opened = open_and_split(request.data, seed=request.seed)
    choice, start, preprocessing = _choose_net(request, opened, group, listener)
    recipe, adapted = choose_recipe(opened, choice.net, request.overrides, asked.recipe)
    preprocessing, recipe, kept = choose_preprocessing(preprocessing, start, recipe)
    reasons = (*choice.reasons, *asked.says(), *adapted, *kept)
    listener.say(f"{opened.dataset.address}: {counts(opened)}")
    listener.say(f"sets: {opened.sets.rule}")
    histogram = class_histogram(opened.dataset.classes, train_counts(opened))
    listener.say(f"training images:\n{histogram}")
    for reason in reasons:
        listener.say(reason)
    if group.count == 1:
        folders.require_empty(out)
    opened, ready = load_grouped(
        opened,
        preprocessing,
        seed=request.seed,
        workers=request.decoding_threads,
        strict=request.strict,
        listener=listener,
    )
    check_processes(recipe, len(ready.train), group)
    record = Record(
        request=request.stored,
        data=facts(opened, ready),
        architecture=choice.net,
        preprocessing=preprocessing,
        recipe=recipe,
        threads=torch.get_num_threads(),
        reasons=(f"sets: {opened.sets.rule}", *reasons),
        start=start,
        processes=group.count,
    )
    session = Session(Path(), record, opened.dataset, ready, listener, start_time, group)
    settle(session, out, opened.address)
    return session


def resume_run(  # noqa: PLR0913 - what a session is made of
    folder: Path,
    record: Record,
    opened: SplitDataset,
    group: Processes,
    listener: Listener,
    start_time: float,
    *,
    workers: int,
) -> Session:
    """Read the images of a run again, which may have changed since it began."""
    if opened.dataset.fingerprint() == record.data["fingerprint"]:
        groups = record.data.get("duplicate_groups", ())
        sets = split_dataset(opened.dataset, record.request.seed, duplicate_groups=groups)
        opened = replace(opened, sets=sets, duplicate_groups=groups)
        ready = load_sets(
            opened,
            record.preprocessing,
            workers=workers,
            strict=record.request.strict,
            listener=listener,
        )
        check_processes(record.recipe, len(ready.train), group)
        return Session(folder, record, opened.dataset, ready, listener, start_time, group)
    opened, ready = load_grouped(
        opened,
        record.preprocessing,
        seed=record.request.seed,
        workers=workers,
        strict=record.request.strict,
        listener=listener,
    )
    check_processes(record.recipe, len(ready.train), group)
    why = f"the images changed after the run began: {opened.sets.rule}"
    listener.say(f"{why}; {counts(opened)}")
    session = Session(folder, record, opened.dataset, ready, listener, start_time, group)
    session.decide(replace(record, data=facts(opened, ready), reasons=(*record.reasons, why)))
    return session


def check_changed(folder: Path, record: Record, dataset: Dataset, *, allowed: bool) -> None:
    """Refuse images that changed, unless that is allowed and they are of the same classes.

    Raises:
        RunError: they changed.
    """
    if dataset.fingerprint() == record.data["fingerprint"]:
        return
    changed, address = "changed since the run began; put them back as they were", dataset.address
    if list(dataset.classes) != record.data["classes"]:
        start = f" --from {folder}" if (folder / folders.MODEL).is_dir() else ""
        msg = f"{folder}: the classes of the images at {address} {changed}, or start another run "
        raise RunError(msg + f"with: inceptionkit train {address}{start}")
    if not allowed:
        msg = f"{folder}: the images at {address} {changed}, allow it with --allow-changed, or "
        raise RunError(msg + "start another run")


def settle(session: Session, out: Path | None, address: str) -> None:
    """Give a run its folder: a new one, or that of the same run which several processes began.

    Raises:
        RunError: it cannot be made, in every process.
    """
    group, record = session.processes, session.record
    net = record.architecture.name
    existing = folders.existing_runs(out, address, net) if group.count > 1 else []
    same = [str(folder) for folder in existing if same_run(folder, record)]
    if known := group.broadcast_json(same):
        session.folder = Path(known[0])
        there = read_record(session.folder)
        request = replace(there.request, track=record.request.track)
        session.record = replace(there, request=request)
        session.listener.say(f"resumes {session.folder}")
        return
    refusal = ""
    if group.first:
        try:
            session.folder = folders.new_folder(out, address, net)
            folders.write_unusable(session.folder, session.ready.unusable)
            record.write(session.folder)
        except RunError as error:
            refusal = str(error)
    if refusal := group.broadcast_json(refusal):
        raise RunError(refusal)
    session.folder = Path(group.broadcast_json(str(session.folder)))
    if count := len(session.ready.unusable):
        unusable = session.folder / folders.UNUSABLE
        session.listener.say(f"{count} images cannot be used: {unusable}")


def _choose_net(
    request: TrainRequest, opened: SplitDataset, group: Processes, listener: Listener
) -> tuple[NetChoice, InitialWeights | None, Preprocessing]:
    """The network for these images, the model that it starts from, and its preprocessing."""
    classes, short_side = opened.dataset.classes, opened.sizes.median
    if request.from_ is not None:
        return choose_start(
            request.from_,
            request.input_size,
            request.exit_names,
            classes=classes,
            pooled_exits=request.pooled_exits,
        )
    if request.costs:
        choice = choose_scaled(
            request.costs,
            request.architecture,
            request.input_size,
            request.exit_names,
            classes=len(classes),
            short_side=short_side,
            device=request.device_name,
            listener=listener,
        )  # a time differs from process to process: what the first one measured counts
        choice = replace(choice, net=from_json(group.broadcast_json(to_json(choice.net))))
    else:
        choice = choose_net(
            request.architecture,
            request.input_size,
            request.exit_names,
            classes=len(classes),
            short_side=short_side,
            gpu=request.device_name.startswith("cuda"),
            pooled_exits=request.pooled_exits,
        )
    return choice, None, Preprocessing(size=choice.net.image[1])


def choose_preprocessing(
    own: Preprocessing, start: InitialWeights | None, recipe: Recipe
) -> tuple[Preprocessing, Recipe, Sequence[str]]:
    """How pixels become the input, as the recipe says or a model that the run starts from.

    Returns:
        The preprocessing; the recipe, with the model's `pixel_std` where one number says it; and
        why it is not what the recipe wanted, where it wanted something special.
    """
    wanted = recipe.pixel_std
    if start is None:
        return replace(own, std=(wanted,) * 3), recipe, ()
    if PIXEL_STD.low <= min(own.std) == max(own.std) <= PIXEL_STD.high:
        recipe = replace(recipe, pixel_std=own.std[0])
    if wanted == MODERN.pixel_std or own.std == (wanted,) * 3:
        return own, recipe, ()
    why = (
        f"std={', '.join(f'{std:g}' for std in own.std)}: {start.model} brings its "
        f"preprocessing, so pixel_std={wanted:g} of recipe {recipe.name} is not used"
    )
    return own, recipe, (why,)


def check_processes(recipe: Recipe, images: int, group: Processes) -> None:
    """Refuse more processes than a step has images, where there are so many to train with."""
    batch = min(recipe.batch, images)
    if batch < group.count:
        msg = f"{group.count} processes cannot share a step of {batch} images; "
        raise RecipeError(msg + f"start {batch} at most")


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
