"""The tables of the laboratory, in Markdown."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from math import isnan
from pathlib import Path
from statistics import median
from typing import Any, Protocol

sys.path.append(str(Path(__file__).resolve().parents[1]))  # for `hardware`

from hardware import table
from intervals import Estimate, differences, mean_of

from inceptionkit.derive import cost
from inceptionkit.spec import Net
from inceptionkit.text import plural, quantity

MOMENTS = {"1/4": 0.25, "1/2": 0.5, "end": 1.0}  # of a run
LEGEND = (
    "\nErrors are means over seeds; ± is half of a 95 % interval. A difference is in points of "
    "test error, paired by seed; its scatter is pooled over all trials that are compared with the "
    "same one, so that its interval holds for any two of them. Below zero is better. Val errors "
    "are those of the main classifier after a quarter, a half and all of the run. MACs are of the "
    "main classifier.\n"
)


class Priced(Protocol):
    """A trial."""

    @property
    def name(self) -> str:
        """In the table."""

    @property
    def net(self) -> Net:
        """That is trained."""

    @property
    def note(self) -> str:
        """For the table."""

    @property
    def settings(self) -> tuple[str, ...]:
        """Its own."""

    @property
    def tries(self) -> tuple[str, ...]:
        """Settings of which one is chosen."""


def priced(trials: Iterable[Priced]) -> str:
    """What the trials are, before any is trained."""
    heads = ("trial", "px", "MACs", "parameters", "MACs to its exits", "settings", "note")
    rows = []
    for trial in trials:
        costs = cost(trial.net)
        to_exits = (f"{one.exit.name} {quantity(one.macs_to_here)}" for one in costs.exits)
        tries = f"one of {', '.join(trial.tries)}" if len(trial.tries) > 1 else ""
        rows.append(
            (
                trial.name,
                str(trial.net.image[1]),
                quantity(costs.without_exits.macs),
                quantity(costs.without_exits.params),
                ", ".join(to_exits),
                " ".join([*trial.settings, tries]).strip(),
                trial.note,
            )
        )
    return table(heads, rows)


def page(says: str, here: str, rows: Mapping[str, dict[str, Any]]) -> str:
    """The paper's statement, what was done, and the table of the rows."""
    against = compared(rows)
    heads = ("trial", "MACs", "parameters", "images/s", *(f"val error, {at}" for at in MOMENTS))
    heads = (*heads, "test error", "difference", "test error of exits", "note")
    lines = [_line(name, row, against.get(name)) for name, row in rows.items()]
    done = conditions(rows)
    return f"{says}\n\n{here}\n\n{done}\n\n{table(heads, lines)}{LEGEND}"


def conditions(rows: Mapping[str, dict[str, Any]]) -> str:
    """Under which conditions the runs were made, in a sentence."""
    runs = [run for row in rows.values() for run in finished(row)]
    if not runs:
        return "No run has been finished."
    row, one = next(iter(rows.values())), runs[0]
    seeds = len({run["seed"] for run in runs})
    machines = sorted({run["hardware"].get("gpu") or run["hardware"]["processor"] for run in runs})
    return (
        f"{plural(seeds, 'seed')}, {plural(row['epochs'], 'epoch')} of "
        f"{one['train_images']:,} training images "
        f"({one['val_images']:,} more are held out as val), {one['images']:,} images of "
        f"{one['set']}; {one['execution']} on {' and '.join(machines)}."
    )


def finished(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The runs of a row that came to their end."""
    return [run for run in row["runs"] if "top1" in run]


def errors(row: Mapping[str, Any]) -> dict[int, float]:
    """Seed -> test error of the main classifier, percent."""
    return {run["seed"]: 100 - 100 * run["top1"] for run in finished(row)}


def compared(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Estimate]:
    """Each trial's difference to the one that it is compared with, where both have runs."""
    found: dict[str, Estimate] = {}
    for base in dict.fromkeys(row["beside"] for row in rows.values()):
        group = [name for name, row in rows.items() if base in {row["beside"], name}]
        values = {name: of for name in group if (of := errors(rows[name]))}
        if base in values and len(values) > 1:
            found |= differences(values, base)
    return found


def val_error(run: Mapping[str, Any], share: float) -> float:
    """Val error of the main classifier at a share of the run, percent; the nearest epoch's."""
    curve: list[dict[str, float]] = run["curve"]
    wanted = share * curve[-1]["epoch"]
    return 100 - 100 * min(curve, key=lambda row: abs(row["epoch"] - wanted))["val_top1"]


def _line(name: str, row: Mapping[str, Any], difference: Estimate | None) -> tuple[str, ...]:
    runs, head = finished(row), (name, quantity(row["macs"]), quantity(row["params"]))
    failed = len(row["runs"]) - len(runs)
    notes = [row["note"], f"{failed} of {len(row['runs'])} runs failed" if failed else ""]
    if "tried" in row:
        own = {word.partition("=")[0]: word for word in row["settings"]}
        keys = {word.partition("=")[0] for choice in row["tried"] for word in choice.split()}
        notes.append("val chose " + " ".join(own[key] for key in sorted(keys)))
    note = "; ".join(filter(None, notes))
    if not runs:
        return (*head, *[""] * (len(MOMENTS) + 4), note)
    speed = f"{median(run['images_per_second'] for run in runs):,.0f}"
    curves = (share_of([val_error(run, at) for run in runs]) for at in MOMENTS.values())
    exits = (
        f"{exit_} {share_of([100 - 100 * run['exits'][exit_] for run in runs])}"
        f" ({quantity(macs)} MACs)"
        for exit_, macs in row["exits"].items()
    )
    change = "" if difference is None else points(difference)
    test = share_of(list(errors(row).values()))
    return (*head, speed, *curves, test, change, ", ".join(exits), note)


def share_of(values: Sequence[float]) -> str:
    """Mean and interval of percentages."""
    found = mean_of(values)
    half = "" if isnan(found.half) else f" ± {found.half:.2f}"
    return f"{found.mean:.2f}{half} %"


def points(difference: Estimate) -> str:
    """A difference of percentages and its interval."""
    half = "" if isnan(difference.half) else f" ± {difference.half:.2f}"
    return f"{difference.mean:+.2f}{half}"
