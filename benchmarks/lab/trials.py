"""Networks that are trained alike, each with several seeds: what every claim of the papers needs.

A claim is a list of trials: a network, and settings of the recipe. Each trial is trained once for
each seed with `inceptionkit.train`, in a folder that stays, so that a script that is stopped goes
on where it was when it is called again. The tenth of the training images that is held out may be
looked at as often as one likes; the test images are scored once, at the end of each run.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import isnan
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

from hardware import RESULTS, hardware, table, write

import inceptionkit
from inceptionkit.catalog import find
from inceptionkit.derive import cost
from inceptionkit.derive.design.scale import widened
from inceptionkit.spec import Net
from inceptionkit.text import quantity

_STUDENT = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26}
"""Degrees of freedom -> the two-sided 97.5 % point of Student's t."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One row of a claim's table.

    Attributes:
        name: in the table, and of its folders.
        net: that is trained.
        settings: of the recipe, KEY=VALUE.
        recipe: by name; None for what suits the network.
    """

    name: str
    net: Net
    settings: tuple[str, ...] = ()
    recipe: str | None = "modern"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a paper says, and the trials that look at it.

    Attributes:
        name: of the script, and of its results.
        says: the paper's statement, with its source.
        trials: made for the side of the images and a factor on every width.
        side: pixels of the input, where none is asked for.
        epochs: of every run, where none are asked for.
        width: factor, where none is asked for.
        alike: settings of every trial.
    """

    name: str
    says: str
    trials: Callable[[int, float], Sequence[Trial]]
    side: int
    epochs: int = 20
    width: float = 0.5
    alike: tuple[str, ...] = field(default=())


def network(name: str, side: int, width: float) -> Net:
    """A network of the catalog for ten classes, with narrower paths."""
    return widened(find(name, classes=10, side=side), width)


def of_equal_cost(net: Net, other: Net) -> Net:
    """A network whose width is that at which it costs the MACs of another one, or a little less."""
    most, low, high = cost(other).without_exits.macs, 0.01, 4.0
    while high - low > 0.002:
        middle = (low + high) / 2
        dear = cost(widened(net, middle, step=2)).without_exits.macs > most
        low, high = (low, middle) if dear else (middle, high)
    return widened(net, low, step=2)


def folder_of(trial: Trial, seed: int, claim: Claim, given: argparse.Namespace) -> Path:
    """Where a run stays."""
    return Path(given.work / claim.name / f"{trial.name.replace(' ', '_')}-{seed}")


def trained(trial: Trial, seed: int, claim: Claim, given: argparse.Namespace) -> dict[str, Any]:
    """One run, its curve, and its score on test."""
    folder = folder_of(trial, seed, claim, given)
    if (folder / "run.json").exists():
        result = inceptionkit.resume(folder)
    else:
        result = inceptionkit.train(
            given.data,
            architecture=trial.net,
            input_size=given.side or None,
            recipe=trial.recipe,
            settings=[*claim.alike, *trial.settings],
            epochs=given.epochs,
            seed=seed,
            from_="none",
            out=folder,
        )
    with (folder / "log.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {
        "seed": seed,
        "top1": result.top1,
        "exits": {name: row["top1"] for name, row in result.exits.items()},
        "val_top1": float(rows[-1]["val_top1"]),
        "seconds": result.seconds,
        "curve": [
            {key: float(row[key]) for key in ("epoch", "train_loss", "val_loss", "val_top1")}
            for row in rows
        ],
    }


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half of its 95 % interval (Student's t); not a number for one value."""
    degrees = len(values) - 1
    if not degrees:
        return values[0], float("nan")
    return fmean(values), _STUDENT.get(degrees, 1.96) * stdev(values) / len(values) ** 0.5


def run(claim: Claim) -> int:
    """Train what has not been trained yet, and write the table."""
    given = arguments(claim)
    trials = list(claim.trials(given.side, given.width))
    if given.only:
        trials = [trial for trial in trials if trial.name in given.only]
    found: dict[str, list[dict[str, Any]]] = {trial.name: [] for trial in trials}
    for seed in range(given.seeds):  # one seed of all first: it can be looked at early
        for trial in trials:
            if not given.list:
                found[trial.name].append(trained(trial, seed, claim, given))
    text = f"{claim.says}\n\n" + table(
        ("", "MACs", "parameters", "val error", "test error", "of exits"),
        [_row(trial, found[trial.name]) for trial in trials],
    )
    print(text)
    if not given.list:
        what = {"side": given.side, "width": given.width, "epochs": given.epochs}
        result = {"says": claim.says, **what, "runs": found, "hardware": hardware()}
        write(given.results / "lab", claim.name, result)
        (given.results / "lab" / f"{claim.name}.md").write_text(text, encoding="utf-8")
    return 0


def _row(trial: Trial, runs: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    costs = cost(trial.net).without_exits
    head = (trial.name, quantity(costs.macs), quantity(costs.params))
    if not runs:
        return (*head, "", "", "")
    errors = (_error([one[key] for one in runs]) for key in ("val_top1", "top1"))
    exits = (f"{name} {_error([one['exits'][name] for one in runs])}" for name in runs[0]["exits"])
    return (*head, *errors, ", ".join(exits))


def _error(tops: Sequence[float]) -> str:
    mean, half = spread([100 - 100 * top for top in tops])
    return f"{mean:.2f} %" if isnan(half) else f"{mean:.2f} ± {half:.2f} %"


def arguments(claim: Claim) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=claim.says)
    parser.add_argument("data", help="CIFAR-10, or any dataset of ten classes with test images")
    parser.add_argument("--work", type=Path, default=Path("lab-runs"), help="where runs stay")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--side", type=int, default=claim.side, help="pixels of the input")
    parser.add_argument("--width", type=float, default=claim.width, help="factor on every width")
    parser.add_argument("--epochs", type=int, default=claim.epochs)
    parser.add_argument("--only", action="append", help="name of a trial")
    parser.add_argument("--list", action="store_true", help="print the trials, train nothing")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON")
    return parser.parse_args()


def without_exits(net: Net) -> Net:
    """The network with its main classifier alone."""
    return replace(net, exits=())
