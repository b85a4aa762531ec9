"""A network as `describe` shows it: cost, inputs, rules, paths, and the paper's table beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from inceptionkit.derive import Compared, NetCost, beside_paper, cost, per_path, review
from inceptionkit.spec import (
    LARGEST_INPUT,
    Net,
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

    def to_json(self) -> dict[str, Any]:
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


def description(own: Net, net: Net) -> Description:
    """Describe a network.

    Args:
        own: the architecture at its own input.
        net: the same at the input and with the classes that are asked for.
    """
    return Description(
        cost(net),
        classes_of(net),
        smallest_input(replace(net, exits=())),
        {e.name: ExitInputs(smallest_for_exit(own, e), fitting_inputs(own, e)) for e in own.exits},
        own.image[1],
        left_out(own, net),
    )


def totals(net: Net) -> dict[str, Any]:
    """What a list of networks shows of one."""
    answer = cost(net).answer
    return {
        "name": net.name,
        "input": net.image[1],
        "params": answer.params,
        "macs": answer.macs,
        "exits": [exit_.name for exit_ in net.exits],
    }


def left_out(own: Net, net: Net) -> str:
    """Say which exits of `own` the same network at another input has no room for; "" if none."""
    kept = {exit_.name for exit_ in net.exits}
    missing = " and ".join(exit_.name for exit_ in own.exits if exit_.name not in kept)
    return missing and f"without {missing}, which {net.image[1]} px images are too small for"


def rules_to_json(net: Net) -> list[dict[str, Any]]:
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


def paths_to_json(net: Net) -> list[dict[str, Any]]:
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


def paper_to_json(net: Net, published: Net, dialect: str | None) -> dict[str, Any]:
    """The paper's table beside our rows, in the paper's notation.

    Args:
        net: whose rows are shown.
        published: the network as the paper has it.
        dialect: how `net` differs from it, in words; None where nothing is known.
    """
    found, paper = beside_paper(net), beside_paper(published)
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
                "note": _why(net, line, own, dialect),
            }
            for line, own in zip(found.rows, paper.rows, strict=True)
        ],
    }


def _why(net: Net, line: Compared, paper: Compared, dialect: str | None) -> str:
    if line.agrees or line.ours == paper.ours:
        return line.row.note if line.differs else ""
    return f"{net.name} is {dialect}" if dialect else "other classes or widths than the paper's"
