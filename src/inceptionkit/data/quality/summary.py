"""What a scan found, as JSON: counts, copies, odd images, sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from inceptionkit.data.quality.findings import Finding, across, class_counts
from inceptionkit.data.quality.near_duplicates import Group
from inceptionkit.data.quality.scan import Scan, stored
from inceptionkit.data.types import SETS

_LISTED = (
    "blank",
    "dark",
    "blown",
    "blurred",
    "tiny",
    "rotated",
    "deep",
    "unended",
    "animated",
    "colors",
)


def summary(scan: Scan, groups: Sequence[Group], findings: Sequence[Finding]) -> dict[str, Any]:
    """What `check --json` prints of the images."""
    dataset, unusable = scan.dataset, scan.unusable
    counts = class_counts(scan)
    names = dataset.samples.names
    images = {item.kind: [names[i] for i in item.images] for item in findings}
    return {
        "images": len(scan.usable) + len(unusable),
        "usable": len(scan.usable),
        "unusable": [{"path": item.name, "reason": item.reason} for item in unusable],
        "classes": dict(zip(dataset.classes, counts.sum(axis=0).tolist(), strict=True)),
        "splits": {
            name: {
                "images": int(row.sum()),
                "classes": dict(zip(dataset.classes, row.tolist(), strict=True)),
            }
            for name, row in zip((*SETS, "all"), counts, strict=True)
            if row.any()
        },
        "duplicates": [_group_result(scan, group) for group in groups],
        "findings": [
            {
                "severity": item.severity,
                "kind": item.kind,
                "says": item.says,
                "advice": item.advice,
                "images": len(item.images),
            }
            for item in findings
        ],
        **{kind: images.get(kind, []) for kind in _LISTED},
        "sizes": _sizes(scan),
        **{f"{key}s": stored(scan, key) for key in ("mode", "format")},
        "remembered": scan.remembered,
    }


def _group_result(scan: Scan, group: Group) -> dict[str, Any]:
    samples, classes = scan.dataset.samples, scan.dataset.classes
    sets, labels = across(scan, group)
    return {
        "paths": [samples.names[i] for i in group.members],
        "exact": group.exact,
        "mirrored": group.mirrored,
        "sets": [SETS[number] for number in sorted(sets) if number >= 0],
        "classes": [classes[label] for label in sorted(labels)],
    }


def _sizes(scan: Scan) -> dict[str, list[int]] | None:
    """Height and width, in pixels: the smallest of each, the median, the largest."""
    usable = scan.usable
    if not len(usable):
        return None
    quantiles = {
        side: np.percentile(scan.stats[side][usable], (0, 50, 100)).astype(int).tolist()
        for side in ("height", "width")
    }
    return {
        name: [quantiles["height"][place], quantiles["width"][place]]
        for place, name in enumerate(("smallest", "median", "largest"))
    }
