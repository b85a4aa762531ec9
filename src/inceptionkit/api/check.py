"""`check`: look at every image before anything is trained, and say what is wrong with the data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from inceptionkit.data import SETS, open_dataset
from inceptionkit.data.quality.findings import Finding, across, class_counts, find
from inceptionkit.data.quality.groups import Group
from inceptionkit.data.quality.scan import Scan, scan
from inceptionkit.machine import cores
from inceptionkit.progress import Listener, Progress, Silence

if TYPE_CHECKING:
    from inceptionkit.training.cross_validation import Doubt

LISTED = ("blank", "dark", "blown", "blurred", "tiny", "rotated", "deep", "animated", "colours")


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """What `check` found."""

    scan: Scan
    groups: tuple[Group, ...]
    findings: tuple[Finding, ...]  # errors first
    doubts: tuple[Doubt, ...]  # labels that held-out models doubt most; none without folds
    page: Path
    result: dict[str, Any]  # the keys that `check --json` promises, and more


def check(
    data: str | Path,
    *,
    out: str | Path | None = None,
    folds: int | None = None,
    seed: int = 0,
    listener: Listener | None = None,
) -> Checked:
    """Look at every image once, judge the data, and write a page that shows what is wrong.

    Args:
        data: labelled images, as `train` takes them.
        out: the page; the next free name under `runs/` if None.
        folds: how many short trainings look for suspected label errors; none if None.
        seed: of those trainings.
        listener: hears how far it is.

    Raises:
        DataError: there are no labelled images.
        RunError: the page cannot be written, or would lie among the images.
    """
    from inceptionkit.report.check_content import page_place, write_page

    began = monotonic()
    listener = listener or Silence()
    dataset = open_dataset(data)
    page = page_place(dataset.address, None if out is None else Path(out))
    total = len(dataset.samples)

    def tick(done: int) -> None:
        listener.progress(Progress(what="looking at images", done=done, total=total))

    found = scan(dataset, threads=cores(), progress=tick)
    groups = found.groups(cores())
    findings = find(found, groups)
    doubts: tuple[Doubt, ...] = ()
    if folds is not None:
        from inceptionkit.training.cross_validation import suspected

        doubts = suspected(found, groups, folds=folds, seed=seed, listener=listener)
    write_page(page, found, groups, findings, doubts)
    result = _result(found, groups, findings, doubts)
    result |= {"page": str(page), "seconds": monotonic() - began}
    return Checked(found, groups, findings, doubts, page, result)


def _result(
    found: Scan, groups: Sequence[Group], findings: Sequence[Finding], doubts: Sequence[Doubt]
) -> dict[str, Any]:
    """What `--json` prints."""
    dataset, unusable = found.dataset, found.unusable
    counts = class_counts(found)
    names = dataset.samples.names
    images = {one.kind: [names[i] for i in one.images] for one in findings}
    return {
        "images": len(found.usable) + len(unusable),
        "usable": len(found.usable),
        "unusable": [{"path": one.name, "reason": one.reason} for one in unusable],
        "classes": dict(zip(dataset.classes, counts.sum(axis=0).tolist(), strict=True)),
        "splits": {
            name: {
                "images": int(row.sum()),
                "classes": dict(zip(dataset.classes, row.tolist(), strict=True)),
            }
            for name, row in zip((*SETS, "all"), counts, strict=True)
            if row.any()
        },
        "duplicates": [_group_result(found, group) for group in groups],
        "findings": [
            {
                "severity": one.severity,
                "kind": one.kind,
                "says": one.says,
                "advice": one.advice,
                "images": len(one.images),
            }
            for one in findings
        ],
        **{kind: images.get(kind, []) for kind in LISTED},
        "sizes": _sizes(found),
        **{f"{key}s": stored(found, key) for key in ("mode", "format")},
        "doubts": [one.as_json(dataset) for one in doubts],
        "remembered": found.remembered,
    }


def _group_result(found: Scan, group: Group) -> dict[str, Any]:
    samples, classes = found.dataset.samples, found.dataset.classes
    sets, labels = across(found, group)
    return {
        "paths": [samples.names[i] for i in group.members],
        "exact": group.exact,
        "mirrored": group.mirrored,
        "sets": [SETS[number] for number in sorted(sets) if number >= 0],
        "classes": [classes[label] for label in sorted(labels)],
    }


def _sizes(found: Scan) -> dict[str, list[int]] | None:
    """Height and width, in pixels: the smallest of each, the median, the largest."""
    looks = found.looks[found.usable]
    if not len(looks):
        return None
    quantiles = {
        side: np.percentile(looks[side], (0, 50, 100)).astype(int).tolist()
        for side in ("height", "width")
    }
    return {
        name: [quantiles["height"][place], quantiles["width"][place]]
        for place, name in enumerate(("smallest", "median", "largest"))
    }


def stored(found: Scan, key: str) -> dict[str, int]:
    """How many usable images have each "mode" or "format", most first."""
    words = found.looks[key][found.usable].tolist()
    return {word.decode(): number for word, number in Counter(words).most_common()}
