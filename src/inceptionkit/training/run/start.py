"""The start of a run: read the images, decide what the user left open, write it down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inceptionkit.catalog import DEFAULT, find
from inceptionkit.data import BUILT_IN, Dataset, split_dataset
from inceptionkit.data.checks import quoted
from inceptionkit.data.loading.sets import SplitDataset, load_sets
from inceptionkit.data.quality.groups import load_grouped
from inceptionkit.errors import RecipeError, RunError
from inceptionkit.files import write_whole
from inceptionkit.machine import cores
from inceptionkit.model.seen import NOTHING, SEEN
from inceptionkit.preprocess import Preprocessing
from inceptionkit.progress import Listener
from inceptionkit.spec import NetChoice, from_json, to_json, with_input
from inceptionkit.text import shell_word
from inceptionkit.training.autotune import check_memory, most_operations
from inceptionkit.training.budget import Epochs, Time, Work, check_budget
from inceptionkit.training.defaults import (
    FEW,
    SMALL,
    choose_net,
    choose_recipe,
    choose_scaled,
    settle_flip,
    smallest_crop,
)
from inceptionkit.training.distributed import Processes
from inceptionkit.training.recipe import MODERN, PIXEL_STD, Initialization, Recipe
from inceptionkit.training.run import folder as folders
from inceptionkit.training.run.context import Session
from inceptionkit.training.run.initial_weights import InitialWeights, choose_start
from inceptionkit.training.run.record import Record, data_facts, settle, versions
from inceptionkit.training.run.request import Resolved, TrainRequest
from inceptionkit.training.run.starts import LEAST_SIDE, choose_by_probe, probe_execution

_CLASSES_SHOWN, _BAR_WIDTH, _NAME_WIDTH = 20, 40, 24  # of a histogram; widths in characters


def start_run(  # noqa: C901 - decisions in their order
    request: TrainRequest,
    asked: Resolved,
    opened: SplitDataset,
    group: Processes,
    listener: Listener,
    start_time: float,
) -> Session:
    """Read the images, decide what is open, write it down.

    Raises:
        DataError, RecipeError, UnknownNameError, SpecError, WeightsError: a request that cannot be
            met.
        RunError: the run folder cannot be written.
    """
    out = None if request.out is None else Path(request.out)
    histogram, sizes = class_histogram(opened.dataset.classes, opened.train_counts), counts(opened)
    choice, start, preprocessing = _choose_net(request, asked, opened, group, listener)
    base = asked.recipe if request.recipe or asked.from_ else None
    recipe, adapted = choose_recipe(
        opened, choice.net, asked.settings, base, started=start is not None
    )
    kept: Sequence[str] = ()
    if start is None:
        preprocessing = replace(preprocessing, std=(recipe.inputs.pixel_std,) * 3)
    else:
        recipe = replace(recipe, init=Initialization())  # its weights are there
        preprocessing, recipe, kept = keep_preprocessing(preprocessing, start, recipe)
    preprocessing = replace(preprocessing, depth=opened.sizes.depth)
    reasons = (*choice.reasons, *asked.reasons, *adapted, *kept)
    if isinstance(asked.budget, Time | Work):
        check_budget(
            asked.budget,
            with_input(choice.net, smallest_crop(choice.net, recipe)),
            images=len(opened.sets.train),
            batch=recipe.batching.batch,
            fastest=partial(most_operations, asked.device),
        )
    if request.architecture is not None or request.input_size is not None:
        check_memory(with_input(choice.net, smallest_crop(choice.net, recipe)), asked.device)
    for sentence in (
        f"{opened.dataset.address}: {sizes}",
        *map("note: {}".format, opened.dataset.notes),
        f"sets: {opened.sets.rule}",
        f"training images:\n{histogram}",
        *reasons,
    ):
        listener.say(sentence)
    if group.count == 1 and out is not None and out.exists():
        folders.require_empty(out)
    workers, strict = asked.workers, request.strict
    earlier = NOTHING if start is None else start.seen()
    if opened.address in BUILT_IN and start is None:  # without near-duplicates
        ready = load_sets(opened, preprocessing, workers=workers, strict=strict, listener=listener)
    else:
        opened, ready = load_grouped(
            opened,
            preprocessing,
            seed=request.split_seed,
            workers=workers,
            strict=strict,
            listener=listener,
            seen=earlier,
            known_groups=() if opened.address in BUILT_IN else None,
        )
        recipe, seen = settle_flip(opened, recipe, asked.settings, listener)
        reasons += seen
    for name, images in {"val": ready.val, "test": ready.test}.items():
        lacking = set(range(len(opened.dataset.classes))) - set(images.labels.tolist())
        if lacking and len(images):
            words = quoted(opened.dataset.classes[number] for number in sorted(lacking))
            listener.say(f"{name} has no usable image of {words}: its scores say nothing of them")
    if group.count > 1:
        _check_processes(recipe, len(ready.train), group)
    gpu = {"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}
    record = Record(
        request=asked.stored,
        data=data_facts(opened, ready),
        architecture=choice.net,
        preprocessing=preprocessing,
        recipe=recipe,
        threads=min(torch.get_num_threads(), cores()),
        reasons=(f"sets: {opened.sets.rule}", *reasons),
        start=start,
        processes=group.count,
        machine={**asked.machine, **gpu},
    )
    folder, record = settle(record, out, ready.unusable, group, listener)
    if start is not None and group.rank == 0:
        write_whole(folder / folders.SEEN_BEFORE, earlier.to_bytes())
    return Session(folder, record, opened.dataset, ready, listener, start_time, group, earlier)


def resume_run(  # noqa: PLR0913 - what a session is made of
    folder: Path,
    record: Record,
    opened: SplitDataset,
    group: Processes,
    listener: Listener,
    start_time: float,
    *,
    workers: int,
    allowed: bool,
) -> Session:
    """Read the images of a run again, which may have changed since it began.

    What the run was trained on so far stays out of val and test.

    Raises:
        RunError: other images have the names of the old ones, and that is not `allowed`.
    """
    now = versions()
    other = [
        f"{name} {then}, now {now[name]}"
        for name, then in record.versions.items()
        if now.get(name, then) != then
    ]
    if other:
        began = "; ".join(other)
        listener.say(
            f"note: the run began with {began}: its result may differ a little from that of an "
            "uninterrupted run"
        )
    before = folders.read_seen(folder / folders.SEEN_BEFORE)
    earlier = folders.read_seen(folder / SEEN)
    seen = before | earlier
    groups = record.data.get("duplicate_groups", ())
    load = partial(
        load_grouped,
        preprocessing=record.preprocessing,
        seed=record.request.split_seed,
        workers=workers,
        strict=record.request.strict,
        listener=listener,
    )
    if opened.fingerprint == record.data["fingerprint"]:
        sets = split_dataset(opened.dataset, record.request.split_seed, duplicate_groups=groups)
        same = replace(opened, sets=sets, duplicate_groups=groups)
        same, ready = load(same, seen=before, known_groups=groups)
        if ready.content == record.data.get("content", ready.content):
            _check_processes(record.recipe, len(ready.train), group)
            return Session(folder, record, same.dataset, ready, listener, start_time, group, seen)
        if not allowed:
            msg = f"{folder}: {opened.address} holds other images under the same names than when "
            msg += "the run began; put them back as they were, allow it with --allow-changed, or "
            raise RunError(msg + "start another run")
    opened, ready = load(opened, seen=seen)
    _check_processes(record.recipe, len(ready.train), group)
    why = f"the images changed after the run began: {opened.sets.rule}"
    listener.say(f"{why}; {counts(opened)}")
    session = Session(folder, record, opened.dataset, ready, listener, start_time, group, seen)
    session.decide(replace(record, data=data_facts(opened, ready), reasons=(*record.reasons, why)))
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
        from_words = f" --from {shell_word(folder)}" if (folder / folders.MODEL).is_dir() else ""
        msg = f"{folder}: the classes of the images at {address} {changed}, or start another run "
        raise RunError(msg + f"with: inceptionkit train {shell_word(address)}{from_words}")
    if not allowed:
        msg = f"{folder}: the images at {address} {changed}, allow it with --allow-changed, or "
        raise RunError(msg + "start another run")


def _choose_net(
    request: TrainRequest,
    asked: Resolved,
    opened: SplitDataset,
    group: Processes,
    listener: Listener,
) -> tuple[NetChoice, InitialWeights | None, Preprocessing]:
    """The network for these images, the model that it starts from, and its preprocessing."""
    classes, short_side = opened.dataset.classes, opened.sizes.median
    if asked.from_ is not None:
        return choose_start(
            asked.from_,
            request.input_size,
            asked.exits,
            classes=classes,
            pooled_exits=request.pooled_exits,
        )
    if asked.costs:
        choice = choose_scaled(
            asked.costs,
            request.architecture,
            request.input_size,
            asked.exits,
            classes=len(classes),
            short_side=short_side,
            device=asked.device,
            listener=listener,
        )  # a time differs from process to process: what the first one measured counts
        choice = replace(choice, net=from_json(group.broadcast_json(to_json(choice.net))))
    else:
        choice = choose_net(
            request.architecture,
            request.input_size,
            asked.exits,
            classes=len(classes),
            short_side=short_side,
            gpu=asked.device.startswith("cuda"),
            pooled_exits=request.pooled_exits,
        )
    worth_a_probe = short_side > SMALL or len(opened.sets.train) < FEW  # many teach it better
    if asked.probes and short_side >= LEAST_SIDE and worth_a_probe:
        return _probed(request, asked, opened, choice, group, listener)
    return choice, None, Preprocessing(size=choice.net.image[1])


def _probed(
    request: TrainRequest,
    asked: Resolved,
    opened: SplitDataset,
    nothing: NetChoice,
    group: Processes,
    listener: Listener,
) -> tuple[NetChoice, InitialWeights | None, Preprocessing]:
    """What a probe finds better: a trained model, or the network that would start from nothing."""
    chosen: dict[str, Any] = {}
    recipe, _ = choose_recipe(opened, nothing.net, asked.settings)
    if request.input_size is not None:
        check_memory(with_input(nothing.net, smallest_crop(nothing.net, recipe)), asked.device)
    if isinstance(asked.budget, Time | Work):  # too small for the least that may be chosen
        side = min(SMALL, nothing.net.image[1])
        least = find(DEFAULT, classes=len(opened.dataset.classes), side=side)
        check_budget(
            asked.budget,
            with_input(least, smallest_crop(least, recipe)),
            images=len(opened.sets.train),
            batch=recipe.batching.batch,
            fastest=partial(most_operations, asked.device),
        )
    if group.rank == 0:
        chosen = asdict(
            choose_by_probe(
                opened,
                nothing.net,
                recipe,
                probe_execution(
                    asked.device, min(torch.get_num_threads(), cores()), request.precision
                ),
                asked.budget or Epochs(recipe.epochs),
                side=request.input_size,
                workers=asked.workers,
                listener=listener,
            )
        )
    chosen = group.broadcast_json(chosen)
    reasons = list(chosen["reasons"])
    if chosen["model"] is None:
        choice = replace(nothing, reasons=(*nothing.reasons, *reasons))
        return choice, None, Preprocessing(size=choice.net.image[1])
    classes = opened.dataset.classes
    choice, start, how = choose_start(chosen["model"], chosen["side"], asked.exits, classes=classes)
    return replace(choice, reasons=(*reasons, *choice.reasons)), start, how


def keep_preprocessing(
    own: Preprocessing, start: InitialWeights, recipe: Recipe
) -> tuple[Preprocessing, Recipe, Sequence[str]]:
    """How pixels become the input of a model that the run starts from.

    Returns:
        The model's preprocessing; the recipe, with its `pixel_std` where one number says it; and
        why it is not what the recipe wanted, where it wanted something special.
    """
    wanted = recipe.inputs.pixel_std
    if PIXEL_STD.low <= min(own.std) == max(own.std) <= PIXEL_STD.high:
        recipe = replace(recipe, inputs=replace(recipe.inputs, pixel_std=own.std[0]))
    if wanted == MODERN.inputs.pixel_std or own.std == (wanted,) * 3:
        return own, recipe, ()
    why = (
        f"std={', '.join(f'{std:g}' for std in own.std)}: {start.model} brings its "
        f"preprocessing, so pixel_std={wanted:g} of recipe {recipe.name} is not used"
    )
    return own, recipe, (why,)


def _check_processes(recipe: Recipe, images: int, group: Processes) -> None:
    """Refuse more processes than a step has images, where there are so many to train with."""
    batch = min(recipe.batching.batch, images)
    if batch < group.count:
        msg = f"{group.count} processes cannot share a step of {batch} images; "
        raise RecipeError(msg + f"start {batch} at most")


def counts(opened: SplitDataset) -> str:
    """Images and classes in words."""
    sets = opened.sets
    return (
        f"{len(opened.dataset.samples.labels):,} images in {len(opened.dataset.classes)} classes; "
        f"train {len(sets.train):,}, val {len(sets.val):,}, test {len(sets.test):,}"
    )


def class_histogram(classes: Sequence[str], counts: NDArray[np.int64]) -> str:
    """Sizes of the classes as bars, the largest first; of many, the largest and the smallest.

    >>> print(class_histogram(["ape", "bee"], np.array([2, 40])))
    bee  ########################################  40
    ape  ##                                         2
    """
    order = np.argsort(-counts, kind="stable").tolist()
    gap = len(order) - _CLASSES_SHOWN
    shown = order if gap <= 0 else [*order[: _CLASSES_SHOWN // 2], *order[-_CLASSES_SHOWN // 2 :]]
    name = min(_NAME_WIDTH, max(len(classes[at]) for at in shown))
    digits = max(len(f"{counts[at]:,}") for at in shown)
    unit = _BAR_WIDTH / max(1, int(counts.max()))
    lines = [
        f"{classes[at][:_NAME_WIDTH]:{name}}  "
        f"{'#' * max(int(n > 0), round(n * unit)):{_BAR_WIDTH}}  {n:>{digits},}"
        for at, n in zip(shown, counts[shown].tolist(), strict=True)
    ]
    if gap > 0:
        lines.insert(_CLASSES_SHOWN // 2, f"... {gap:,} classes between ...")
    return "\n".join(lines)
