"""`report`: the page of a run, from what its folder holds."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import numpy as np

from inceptionkit.catalog.files import find
from inceptionkit.data import Dataset, open_dataset, split_dataset
from inceptionkit.derive import cost
from inceptionkit.derive.diagram import draw
from inceptionkit.errors import InceptionError, RunError, SpecError
from inceptionkit.files import write_whole
from inceptionkit.report import content as shown
from inceptionkit.report import scores
from inceptionkit.report.album import Album, eyes
from inceptionkit.report.html import render
from inceptionkit.settings import values
from inceptionkit.spec import Net, with_exits
from inceptionkit.training import recipe as recipes
from inceptionkit.training.budget import Budget, Epochs, Time, Work
from inceptionkit.training.recipes import RECIPES
from inceptionkit.training.run import folder as folders
from inceptionkit.training.run.initial_weights import InitialWeights, choose_start
from inceptionkit.training.run.record import FILE, Record, read_record


def report(run: str | Path) -> Path:
    """Write the page of a finished run anew.

    The pictures come from the images themselves; where those are gone the page goes without.

    Returns:
        Path of the page.

    Raises:
        RunError: there is no run, or it has not ended.
    """
    folder = Path(run)
    record, result = ended(folder)
    try:
        dataset: Dataset | None = open_dataset(record.data["address"])
    except InceptionError:
        dataset = None
    return write_report(folder, record, result, dataset)


def write_report(
    folder: Path, record: Record, result: Mapping[str, Any], dataset: Dataset | None
) -> Path:
    """Write report.html of the run in `folder`."""
    page = folder / folders.PAGE
    write_whole(page, render(content(folder, record, result, dataset)))
    return page


def ended(folder: Path) -> tuple[Record, Mapping[str, Any]]:
    """The record of a run, and its result.

    Raises:
        RunError: there is no run, or it has not ended.
    """
    record = read_record(folder)
    if record.result is None:
        msg = f"{folder}: the run has not ended; finish it with `{folders.how_to_resume(folder)}`"
        raise RunError(msg)
    return record, record.result


def content(
    folder: Path, record: Record, result: Mapping[str, Any], dataset: Dataset | None
) -> shown.RunContent:
    """Everything the page shows."""
    priced = cost(record.net)
    classes = tuple(record.data["classes"])
    rows = folders.read_rows(folder / folders.PREDICTIONS)
    matrix = scores.confusion_of(rows, classes)
    album = Album(dataset, eyes(folder / folders.MODEL))
    name = Path(record.data["address"]).name
    side, exits = record.preprocessing.size, [exit_.name for exit_ in record.net.exits]
    return shown.RunContent(
        title=f"{name} with {record.net.name}",
        subtitle=f"{record.net.name} at {side}x{side} pixels, {len(classes)} classes, "
        f"trained from {beginning(record)} on {name}.",
        made_at=moment(record),
        scored_set=result["set"],
        top1=result["top1"],
        top5=result["top5"],
        params=priced.answer.params,
        macs=priced.answer.macs,
        training_seconds=result["seconds"],
        images_per_second=result["images_per_second"],
        peak_bytes=result["peak_bytes"],
        images=record.data["sets"],
        decisions=tuple(decisions(record)),
        plans=tuple(plans(record)),
        epochs=tuple(epochs(folder)),
        exits=tuple(scores.exits(priced, result)),
        curve=scores.curve(priced, rows),
        classes=classes,
        scores=tuple(scores.class_rows(matrix, classes)),
        confusion=matrix,
        confidences=scores.confidences(rows),
        cells=album.cells(rows, classes),
        suspects=album.suspects(rows, exits),
        mistakes=album.mistakes(rows, exits),
        examples=album.examples(rows),
        cost=tuple(scores.cost_rows(priced)),
        diagram=draw(record.net),
        data=data_rows(record, dataset),
        data_facts=data_facts(record),
        cost_totals=shown.CostTotals(
            params=priced.answer.params,
            macs=priced.answer.macs,
            params_with_exits=priced.everything.params,
            macs_with_exits=priced.everything.macs,
            activation_bytes=priced.activation_bytes,
        ),
        unusable=tuple(
            shown.UnusableRow(path=row["path"], reason=row["reason"])
            for row in folders.read_rows(folder / folders.UNUSABLE)
        ),
        commands=tuple(commands(folder, record)),
        machine={k: str(v) for k, v in {**record.machine, **record.versions}.items()},
    )


def beginning(record: Record) -> str:
    """What a run began with."""
    return "scratch" if record.start is None else f"the weights of {record.start.model}"


def moment(record: Record) -> str:
    """When a run began."""
    return f"{datetime.fromisoformat(record.made_at):%Y-%m-%d %H:%M} UTC"


def data_rows(record: Record, dataset: Dataset | None) -> tuple[shown.DataRow, ...]:
    """Images of every class in every set; none where the data is gone or has changed."""
    if dataset is None or dataset.fingerprint() != record.data["fingerprint"]:
        return ()
    sets = split_dataset(
        dataset, record.seed, duplicate_groups=record.data.get("duplicate_groups", ())
    )
    labels, count = dataset.samples.labels, len(dataset.classes)
    parts = {
        name: np.bincount(labels[indices], minlength=count)
        for name, indices in (("train", sets.train), ("val", sets.val), ("test", sets.test))
        if len(indices)
    }
    return tuple(
        shown.DataRow(name=name, images={part: int(n[i]) for part, n in parts.items()})
        for i, name in enumerate(dataset.classes)
    )


def data_facts(record: Record) -> dict[str, str]:
    """Where the images are, and how they were divided."""
    data = record.data
    return {
        "address": str(data["address"]),
        "sets": str(data["rule"]),
        "unusable": f"{data['unusable']:,}",
        "fingerprint": str(data["fingerprint"]),
    }


def decisions(record: Record) -> list[str]:
    """What was chosen, and why."""
    return [*record.reasons, record.describe_execution()]


def plans(record: Record) -> list[shown.PlanRow]:
    """The plans of a run with a time budget."""
    images = record.data["sets"]["train"]
    per_epoch = max(1, images // min(images, record.recipe.batch))
    return [
        shown.PlanRow(
            at_epoch=plan.step / per_epoch,
            planned_epochs=plan.steps / per_epoch,
            seconds_left=plan.seconds_left,
            why=plan.why,
        )
        for plan in record.plans
        if plan.seconds_left is not None
    ]


def epochs(folder: Path) -> list[shown.EpochRow]:
    """The rows of log.csv."""
    found = []
    for row in folders.read_rows(folder / folders.LOG):
        number = {key: float(value) if value else None for key, value in row.items()}
        found.append(
            shown.EpochRow(
                epoch=float(row["epoch"]),
                seconds=float(row["seconds"]),
                lr=float(row["lr"]),
                train_loss=number["train_loss"],
                val_loss=number["val_loss"],
                val_top1=number["val_top1"],
                exits_val_top1={
                    key.removeprefix("val_top1_"): value
                    for key, value in number.items()
                    if key.startswith("val_top1_")
                },
            )
        )
    return found


def commands(folder: Path, record: Record) -> list[shown.Command]:
    """What to type next, and to do it again."""
    run, data = shlex.quote(str(folder)), shlex.quote(record.data["address"])
    return [
        shown.Command(purpose="Repeat this run", line=repeat(folder, record)),
        shown.Command(purpose="Classify images", line=f"inceptionkit predict {run} IMAGE..."),
        shown.Command(purpose="Score it again", line=f"inceptionkit evaluate {run} {data}"),
        *early_exit_commands(run, data, record),
        shown.Command(purpose="See where it looks", line=f"inceptionkit explain {run} IMAGE..."),
        shown.Command(purpose="Write this page again", line=f"inceptionkit report {run}"),
    ]


def early_exit_commands(run: str, data: str, record: Record) -> list[shown.Command]:
    """How to choose when to stop; nothing for a network without exits."""
    if not record.net.exits:
        return []
    line = f"inceptionkit evaluate {run} {data} --exits --store"
    return [shown.Command(purpose="Choose when to stop at an exit, and keep it", line=line)]


def repeat(folder: Path, record: Record) -> str:
    """The command that makes the same run: what was chosen is spelt out."""
    name = record.recipe.name if record.recipe.name in RECIPES else recipes.MODERN.name
    words = ["inceptionkit", "train", record.data["address"], *settings(record, RECIPES[name])]
    words += ["--recipe", name, *limit(record.budget)]
    words += ["--input", str(record.net.image[1]), *network(folder, record)]
    words += [] if record.precision == "auto" else ["--precision", record.precision]
    return shlex.join([*words, "--seed", str(record.seed)])


def settings(record: Record, base: recipes.Recipe) -> list[str]:
    """What turns `base` into the recipe of a run, whatever would be chosen for the images."""
    recipe = record.recipe
    ours, theirs = values(recipe), values(base)
    adapted = [key for key in get_args(recipes.AdaptedKey) if key in ours]
    same = [f"{key}={ours[key]}" for key in adapted if ours[key] == theirs.get(key)]
    brought = "pixel_std=" if record.start else "="  # by the model that it starts from
    words = [*recipes.settings(recipe, base), *same]
    return [word for word in words if not word.startswith(brought)]


def network(folder: Path, record: Record) -> list[str]:
    """The options that give the network of a run: its name, or its record where that says less."""
    net = record.net
    after = [exit_.after for exit_ in net.exits]
    exits = ["--exits", ",".join(after) or "none"]
    if record.start is not None:
        classes = tuple(record.data["classes"])
        return ["--from", record.start.model, *exits, *pooled(record.start, net, classes)]
    with suppress(InceptionError):  # no such name, or no such block in the network of that name
        own = find(net.name, classes=len(record.data["classes"]), side=net.image[1])
        if own == net:
            return ["--arch", net.name]
        if with_exits(own, after) == net:
            return ["--arch", net.name, *exits]
    return ["--arch", str(folder / FILE)]


def pooled(start: InitialWeights, net: Net, classes: tuple[str, ...]) -> list[str]:
    """The option that lets exits average over the whole grid, where those of the model did not."""
    after = [exit_.after for exit_ in net.exits]
    try:
        one, _, _ = choose_start(start.model, net.image[1], after, classes=classes)
    except SpecError:  # such exits have no room at this input
        return ["--pooled-exits"]
    except InceptionError:  # the model is gone, and the command with it
        return []
    return [] if one.net == net else ["--pooled-exits"]


def limit(budget: Budget) -> list[str]:
    """The option that gives this budget."""
    match budget:
        case Time(seconds):
            return ["--budget", f"{seconds:g}s"]
        case Work(flop):
            return ["--budget", f"{flop:.17g}flop"]
        case Epochs(epochs):
            return ["--epochs", str(epochs)]
