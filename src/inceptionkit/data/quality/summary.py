"""What a scan found, as JSON: counts, copies, odd images, sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from inceptionkit.data.quality.findings import Finding, across, class_counts
from inceptionkit.data.quality.near_duplicates import Group
from inceptionkit.data.quality.scan import Scan, stored
from inceptionkit.data.types import SETS

LISTED = ("blank", "dark", "blown", "blurred", "tiny", "rotated", "deep", "animated", "colours")


def summary(found: Scan, groups: Sequence[Group], findings: Sequence[Finding]) -> dict[str, Any]:
    """What `check --json` prints of the images."""
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
