"""What `inceptionkit list` and `inceptionkit describe` tell. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from inceptionkit.catalog import CATALOG, architecture
from inceptionkit.catalog.files import find, left_out
from inceptionkit.derive import NetCost, cost
from inceptionkit.spec import (
    LARGEST_INPUT,
    classes_of,
    fitting_inputs,
    smallest_for_exit,
    smallest_input,
)


@dataclass(frozen=True, slots=True)
class ExitInputs:
    """Sides, in pixels, of the square images that an exit takes."""

    smallest: int
    fitting: range  # at which its fully connected layers have the shapes that they are given

    def says(self, own: int) -> str:
        """In words; `own` is the architecture's own input.

        >>> ExitInputs(79, range(223, 271)).says(224)
        'from 79 px on; weights of 224 px fit from 223 to 270 px'
        """
        if self.fitting.stop > LARGEST_INPUT and self.fitting.start == self.smallest:
            return f"from {self.smallest} px on"
        return (
            f"from {self.smallest} px on; weights of {own} px fit from {self.fitting.start} to "
            f"{self.fitting[-1]} px"
        )


@dataclass(frozen=True, slots=True)
class Description:
    """A network's cost, and the inputs that it takes."""

    cost: NetCost
    classes: int
    smallest: int  # side of the smallest input without exits, pixels
    exit_inputs: Mapping[str, ExitInputs]  # of all exits, those left out here among them
    own_input: int  # side of the input that the architecture is made for, pixels
    left_out: str  # which exits the input has no room for; "" if it has room for all

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
                    "smallest_input": self.exit_inputs[row.exit.name].smallest,
                    "fitting_inputs": [
                        self.exit_inputs[row.exit.name].fitting.start,
                        self.exit_inputs[row.exit.name].fitting[-1],
                    ],
                }
                for row in priced.exits
            },
            "exits_left_out": {
                name: {"smallest_input": inputs.smallest}
                for name, inputs in self.exit_inputs.items()
                if name not in {row.exit.name for row in priced.exits}
            },
        }


def description(
    name: str,
    *,
    side: int | None = None,
    classes: int | None = None,
    pooled_exits: bool = False,
) -> Description:
    """Describe an architecture; arguments as of `find`.

    Raises:
        UnknownNameError, SpecError: as `find` raises.
    """
    net = find(name, classes=classes, side=side, pooled_exits=pooled_exits)
    own = find(name, pooled_exits=pooled_exits)
    return Description(
        cost(net),
        classes_of(net),
        smallest_input(replace(net, exits=())),
        {e.name: ExitInputs(smallest_for_exit(own, e), fitting_inputs(own, e)) for e in own.exits},
        own.image[1],
        left_out(own, net),
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
