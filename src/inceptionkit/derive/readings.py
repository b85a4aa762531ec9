"""What `inceptionkit describe` reads off a network besides its cost. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from inceptionkit.catalog import CATALOG, architecture
from inceptionkit.derive import Compared, beside_paper, per_path, review
from inceptionkit.derive.diagram import Flow, Theme, draw
from inceptionkit.errors import UnknownNameError, did_you_mean
from inceptionkit.files import write_whole
from inceptionkit.spec import Net

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
    """The paper's table beside our rows, in the paper's notation."""
    found = beside_paper(net)
    paper = beside_paper(architecture(net.name.partition(":")[0]))
    return {
        "source": found.table.source,
        "notes": list(found.table.notes),
        "columns": [column.name for column in found.table.columns],
        "rows": [
            {
                "name": line.row.name,
                "blocks": list(line.row.blocks),
                "ours": dict(line.ours),
                "printed": dict(line.row.printed),
                "differs": list(line.differs),
                "agrees": line.agrees,
                "note": why(net, line, own),
            }
            for line, own in zip(found.rows, paper.rows, strict=True)
        ],
    }


def why(net: Net, line: Compared, paper: Compared) -> str:
    """Why a row is not as printed: the paper's doing, or that `net` is not the paper's network."""
    if line.agrees or line.ours == paper.ours:
        return line.row.note if line.differs else ""
    stem, _, dialect = net.name.partition(":")
    says = CATALOG[stem].dialects.get(dialect)
    return f"{net.name} is {says}" if says else "other classes or widths than the paper's"


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
