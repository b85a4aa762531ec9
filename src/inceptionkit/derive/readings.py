"""What `inceptionkit describe` reads off a network besides its cost. No torch."""

from __future__ import annotations

from typing import Any

from inceptionkit.catalog import CATALOG, architecture
from inceptionkit.derive import Compared, beside_paper, per_path, review
from inceptionkit.spec import Net


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
