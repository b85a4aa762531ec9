"""The page of several runs: what differs between them, and who is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inceptionkit.errors import RunError
from inceptionkit.evaluation.confidence import Paired, paired
from inceptionkit.report import charts
from inceptionkit.report.cost_charts import runs_against_cost
from inceptionkit.report.finished_run import FinishedRun, read_run
from inceptionkit.report.html import Link, fill
from inceptionkit.settings import values as texts
from inceptionkit.svg import INKS
from inceptionkit.text import is_measured
from inceptionkit.training.run.record import Record
from inceptionkit.training.run.repeat import limit

_SECTIONS = (
    Link(anchor="results", title="Results"),
    Link(anchor="differences", title="Differences"),
    Link(anchor="learning", title="Learning"),
    Link(anchor="paired", title="Image by image"),
    Link(anchor="classes", title="Classes"),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """Several finished runs, and what differs between them."""

    runs: tuple[FinishedRun, ...]
    differences: Mapping[str, tuple[str | None, ...]]  # setting -> value in each run, if any
    against_first: Mapping[str, Paired]  # folder of each run that scored the same images as it

    @property
    def classes(self) -> tuple[str, ...]:
        """Those that are in all runs."""
        first, *others = (run.classes for run in self.runs)
        return tuple(name for name in first if all(name in other for other in others))


def compare_runs(folders: Sequence[Path]) -> Comparison:
    """Read several finished runs and compare them.

    Raises:
        RunError: there are fewer than two, or one is none or has not ended.
    """
    if len(folders) < 2:
        msg = f"a comparison needs at least two runs, got {len(folders)}; "
        msg += "`inceptionkit report` shows one"
        raise RunError(msg)
    first, *others = runs = [read_run(folder) for folder in folders]
    return Comparison(
        runs=tuple(runs),
        differences=_differences([run.record for run in runs]),
        against_first={
            str(other.folder): _paired(first, other)
            for other in others
            if first.predictions and _labels(first) == _labels(other)
        },
    )


def _differences(records: Sequence[Record]) -> dict[str, tuple[str | None, ...]]:
    """Every setting that is not the same in all runs."""
    tables = [_settings(record) for record in records]
    names = dict.fromkeys(name for table in tables for name in table)
    rows = {name: tuple(table.get(name) for table in tables) for name in names}
    return {name: values for name, values in rows.items() if len(set(values)) > 1}


def _settings(record: Record) -> dict[str, str]:
    """Everything that decides a run, as text."""
    data, net = record.data, record.architecture
    return {
        "data": str(data["address"]),
        "fingerprint": str(data["fingerprint"])[:12],
        **{f"{name} images": f"{count:,}" for name, count in data["sets"].items()},
        "architecture": net.name,
        "exits": ", ".join(f"{e.name} after {e.after}" for e in net.exits) or "none",
        "input": f"{net.image[1]}",
        **texts(record.recipe),
        "budget": " ".join(limit(record.budget)),
        "seed": f"{record.request.seed}",
        "split seed": f"{record.request.split_seed}",
        "precision": str(record.execution or ""),
        **{f"version of {name}": version for name, version in record.versions.items()},
        "processor": str(record.machine.get("processor", "")),
    }


def _labels(run: FinishedRun) -> dict[str, str]:
    """Class of each scored image."""
    return {row["path"]: row["truth"] for row in run.predictions}


def _paired(first: FinishedRun, other: FinishedRun) -> Paired:
    """A run beside the first, image by image."""
    right = {row["path"]: row["truth"] == row["guess"] for row in other.predictions}
    before = np.array([row["truth"] == row["guess"] for row in first.predictions])
    return paired(before, np.array([right[row["path"]] for row in first.predictions]))


def render(comparison: Comparison) -> str:
    """The page as one HTML document; equal runs give equal bytes."""
    runs, classes = comparison.runs, comparison.classes
    curves = (charts.runs_top1(runs), charts.runs_loss(runs))
    recalls = [{score.name: score.recall for score in run.class_scores} for run in runs]
    return fill(
        "compare.html.j2",
        title=f"{len(runs)} runs compared",
        made_at=max(run.began_at for run in runs),
        sections=_SECTIONS,
        comparison=comparison,
        best=max((r.result["top1"] for r in runs if is_measured(r.result["top1"])), default=None),
        inks=[k % INKS for k in range(len(runs))],
        against_cost=runs_against_cost(runs),
        curves=[figure for figure in curves if figure is not None],
        recalls={name: [table[name] for table in recalls] for name in classes},
    )
