"""From the folders of several runs to their page: what differs, and who is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inceptionkit.derive import cost
from inceptionkit.errors import RunError
from inceptionkit.evaluation.confidence import paired
from inceptionkit.report import scores
from inceptionkit.report.comparison import AgainstFirst, Comparison, Difference, RunRow
from inceptionkit.report.run_page import ended, epochs, moment
from inceptionkit.settings import values
from inceptionkit.training.run import folder as folders
from inceptionkit.training.run.record import Record


@dataclass(frozen=True, slots=True)
class Read:
    """A finished run, as its folder tells it."""

    name: str
    record: Record
    result: Mapping[str, Any]
    rows: list[dict[str, str]]  # of predictions.csv
    folder: Path


def comparison(runs: Sequence[Path]) -> Comparison:
    """Read several finished runs.

    Raises:
        RunError: there are fewer than two, or one is none or has not ended.
    """
    if len(runs) < 2:
        msg = f"a comparison needs at least two runs, got {len(runs)}; "
        msg += "`inceptionkit report` shows one"
        raise RunError(msg)
    found = [read(run) for run in runs]
    rows = tuple(row(one) for one in found)
    classes = found[0].record.data["classes"]
    others = [other for other in found[1:] if same(found[0], other)]
    return Comparison(
        title=f"{len(rows)} runs compared",
        made_at=max(moment(one.record) for one in found),
        runs=rows,
        differences=differences(found),
        against_first=tuple(against(found[0], other) for other in others),
        classes=tuple(name for name in classes if all(name in r.recalls for r in rows)),
    )


def read(folder: Path) -> Read:
    """Read a run.

    Raises:
        RunError: it is none, or has not ended.
    """
    record, result = ended(folder)
    rows = folders.read_rows(folder / folders.PREDICTIONS)
    return Read(str(folder), record, result, rows, folder)


def row(run: Read) -> RunRow:
    """One run as the page shows it."""
    record, result = run.record, run.result
    priced = cost(record.net)
    classes = tuple(record.data["classes"])
    matrix = scores.confusion_of(run.rows, classes)
    return RunRow(
        name=run.name,
        title=f"{Path(record.data['address']).name} with {record.net.name}",
        scored_set=result["set"],
        scored_images=result["images"],
        top1=result["top1"],
        params=priced.answer.params,
        macs=priced.answer.macs,
        seconds=result["seconds"],
        epochs=tuple(epochs(run.folder)),
        exits=tuple(scores.exits(priced, result)),
        recalls={one.name: one.recall for one in scores.class_rows(matrix, classes)},
    )


def differences(runs: Sequence[Read]) -> tuple[Difference, ...]:
    """Every setting that is not the same in all runs."""
    tables = [settings(run.record) for run in runs]
    names = dict.fromkeys(name for table in tables for name in table)
    rows = (Difference(name=n, values=tuple(table.get(n) for table in tables)) for n in names)
    return tuple(one for one in rows if len(set(one.values)) > 1)


def settings(record: Record) -> dict[str, str]:
    """Everything that decides a run, as text."""
    data, execution = record.data, record.execution
    return {
        "data": str(data["address"]),
        "fingerprint": str(data["fingerprint"])[:12],
        **{f"{name} images": f"{count:,}" for name, count in data["sets"].items()},
        "architecture": record.net.name,
        "exits": ", ".join(f"{e.name} after {e.after}" for e in record.net.exits) or "none",
        "input": f"{record.net.image[1]}",
        **values(record.recipe),
        "budget": ", ".join(f"{v:g} {k}" for k, v in asdict(record.budget).items()),
        "seed": f"{record.seed}",
        "arithmetic": "" if execution is None else str(execution),
        **{f"version of {name}": version for name, version in record.versions.items()},
        "processor": str(record.machine.get("processor", "")),
    }


def same(first: Read, other: Read) -> bool:
    """Whether two runs scored the same images, with the same classes."""
    return bool(first.rows) and truths(first) == truths(other)


def truths(run: Read) -> dict[str, str]:
    """Class of each scored image."""
    return {one["path"]: one["truth"] for one in run.rows}


def against(first: Read, other: Read) -> AgainstFirst:
    """A run beside the first, image by image."""
    right = {one["path"]: one["truth"] == one["guess"] for one in other.rows}
    before = np.array([one["truth"] == one["guess"] for one in first.rows])
    found = paired(before, np.array([right[one["path"]] for one in first.rows]))
    return AgainstFirst(
        name=other.name,
        images=found.images,
        only_first=found.only_first,
        only_this=found.only_second,
        difference=found.difference.mean,
        low=found.difference.low,
        high=found.difference.high,
        p_value=found.p_value,
    )
