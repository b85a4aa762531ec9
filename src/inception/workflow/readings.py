"""What `inception describe` reads off a network besides its cost. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from inception.derive import Comparison, beside_paper, per_path, review
from inception.derive.draw import Flow, Theme, draw
from inception.errors import UnknownNameError, did_you_mean
from inception.files import write_whole
from inception.spec import Net

FLOWS: Mapping[str, Flow] = MappingProxyType({"right": "right", "down": "down"})
THEMES: Mapping[str, Theme] = MappingProxyType({"auto": "auto", "light": "light", "dark": "dark"})


def rules_as_json(net: Net) -> list[dict[str, Any]]:
    """A row per finding."""
    return [
        {
            "rule": finding.rule.name,
            "at": finding.at,
            "says": finding.says,
            "reason": finding.rule.reason,
            "source": finding.rule.source,
        }
        for finding in review(net)
    ]


def paths_as_json(net: Net) -> list[dict[str, Any]]:
    """A row per path of each block that splits."""
    return [
        {
            "block": path.block,
            "path": path.path,
            "out": [path.y.channels, *path.y.size],
            "params": path.cost.params,
            "macs": path.cost.macs,
            "params_share": path.params_share,
            "macs_share": path.macs_share,
            "width_share": path.width_share,
        }
        for path in per_path(net)
    ]


def paper_as_json(net: Net) -> dict[str, Any]:
    """The paper's table beside our rows."""
    compared: Comparison = beside_paper(net)
    return {
        "source": compared.table.source,
        "notes": list(compared.table.notes),
        "rows": [
            {
                "name": line.row.name,
                "blocks": list(line.row.blocks),
                "out": [line.y.channels, *line.y.size],
                "printed_out": list(line.row.out),
                "weights": line.weights,
                "printed_params": line.row.params,
                "macs": line.macs,
                "printed_macs": line.row.macs,
                "agrees": line.agrees,
                "note": line.row.note,
            }
            for line in compared.rows
        ],
    }


def draw_into(net: Net, path: Path, *, paths: bool, flow: str, theme: str) -> Path:
    """Write a diagram of `net` as SVG; the path written.

    Raises:
        UnknownNameError: no such flow or theme.
        RunError: it cannot be written.
    """
    for word, known in ((flow, FLOWS), (theme, THEMES)):
        if word not in known:
            msg = f"a drawing cannot be {word!r}; {did_you_mean(word, list(known))}"
            raise UnknownNameError(msg)
    write_whole(path, draw(net, paths=paths, flow=FLOWS[flow], theme=THEMES[theme]))
    return path
