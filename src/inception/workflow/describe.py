"""What `inception list` and `inception describe` tell. No torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from inception.catalog import CATALOG, architecture
from inception.derive import NetCost, cost
from inception.spec import Conv, Linear, Net, smallest_for_exit, smallest_input, steps
from inception.workflow.architectures import find


@dataclass(frozen=True, slots=True)
class Description:
    """A network's cost, and the inputs that it takes."""

    cost: NetCost
    classes: int
    smallest: int  # side of the smallest input without exits, pixels
    exits_from: dict[str, int]  # exit name -> side of the smallest input with it, pixels

    def as_json(self) -> dict[str, Any]:
        """The keys that `describe --json` promises, and more."""
        priced, net = self.cost, self.cost.net
        return {
            "name": net.name,
            "source": net.source,
            "input": net.image[1],
            "classes": self.classes,
            "params": priced.answer.params,
            "macs": priced.answer.macs,
            "params_with_exits": priced.everything.params,
            "macs_with_exits": priced.everything.macs,
            "activation_bytes": priced.activation_bytes,
            "training_bytes": priced.training_bytes,
            "receptive_field": priced.view[0],
            "smallest_input": self.smallest,
            "blocks": [
                {
                    "name": row.at,
                    "params": row.cost.params,
                    "macs": row.cost.macs,
                    "out": [row.y.channels, *row.y.size],
                    "receptive_field": row.y.view[0],
                    "activation_bytes": row.activation_bytes,
                    "training_bytes": row.training_bytes,
                }
                for row in priced.blocks
            ],
            "exits": {
                row.exit.name: {
                    "after": row.exit.after,
                    "params": row.own.params,
                    "macs_to_here": row.macs_to_here,
                    "saves_at_most": row.saves_at_most,
                    "smallest_input": self.exits_from[row.exit.name],
                }
                for row in priced.exits
            },
        }


def description(name: str, *, side: int | None = None, classes: int | None = None) -> Description:
    """Describe an architecture.

    Raises:
        UnknownNameError, SpecError: as `architecture` raises.
    """
    net = find(name, classes=classes, side=side)
    return Description(
        cost(net),
        classes_of(net),
        smallest_input(replace(net, exits=())),
        {e.name: smallest_for_exit(net, e) for e in net.exits},
    )


def classes_of(net: Net) -> int:
    """Outputs of the classifier."""
    return next(
        step.op.out
        for step in steps(net)
        if isinstance(step.op, Conv | Linear) and step.op.classifier
    )


def listing() -> list[dict[str, Any]]:
    """One row per architecture and dialect."""
    rows = []
    for name, entry in CATALOG.items():
        for dialect, says in (entry.dialects or {"": ""}).items():
            first = dialect == next(iter(entry.dialects), "")
            full = name if first else f"{name}:{dialect}"
            net = architecture(full)
            priced = cost(net)
            rows.append(
                {
                    "name": full,
                    "input": net.image[1],
                    "params": priced.answer.params,
                    "macs": priced.answer.macs,
                    "exits": [e.name for e in net.exits],
                    "says": entry.says if first else says,
                }
            )
    return rows
