"""A network as `describe` shows it: cost, inputs, rules, paths, and the paper's table beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from inceptionkit.derive import NetCost, cost
from inceptionkit.derive.paper import Compared, beside_paper
from inceptionkit.derive.paths import PathCost
from inceptionkit.derive.rules import Finding
from inceptionkit.spec import (
    LARGEST_INPUT,
    Net,
    classes_of,
    fitting_inputs,
    left_out,
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
        net_cost, net = self.cost, self.cost.net
        return {
            "name": net.name,
            "source": net.source,
            "input": net.image[1],
            "classes": self.classes,
            "params": net_cost.without_exits.params,
            "macs": net_cost.without_exits.macs,
            "params_with_exits": net_cost.with_exits.params,
            "macs_with_exits": net_cost.with_exits.macs,
            "activation_bytes": net_cost.activation_bytes,
            "training_bytes": net_cost.training_bytes,
            "receptive_field": net_cost.receptive_field[0],
            "smallest_input": self.smallest,
            "blocks": [
                {
                    "name": row.at,
                    "params": row.cost.params,
                    "macs": row.cost.macs,
                    "out": [row.output.channels, *row.output.size],
                    "receptive_field": row.output.receptive_field[0],
                    "activation_bytes": row.activation_bytes,
                    "training_bytes": row.training_bytes,
                }
                for row in net_cost.blocks
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
                for row in net_cost.exits
            },
            "exits_left_out": {
                name: {"smallest_input": inputs.smallest}
                for name, inputs in self.exit_inputs.items()
                if name not in {row.exit.name for row in net_cost.exits}
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedNetwork:
    """A line of the catalog."""

    name: str
    input: int  # side, pixels
    params: int  # without exits, as the next
    macs: int
    exits: tuple[str, ...]
    says: str  # what it is


def listed(name: str, net: Net, says: str) -> ListedNetwork:
    """What a list of networks shows of one."""
    answer = cost(net).without_exits
    return ListedNetwork(
        name=name,
        input=net.image[1],
        params=answer.params,
        macs=answer.macs,
        exits=tuple(exit_.name for exit_ in net.exits),
        says=says,
    )


def rules_to_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """A row per finding."""
    return [
        {
            "rule": finding.rule.name,
            "at": finding.at,
            "says": finding.says,
            "reason": finding.rule.reason,
            "source": finding.rule.source,
        }
        for finding in findings
    ]


def paths_to_json(paths: Iterable[PathCost]) -> list[dict[str, Any]]:
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
        for path in paths
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperRow:
    """A row of a paper's table beside ours, in the paper's notation."""

    name: str
    blocks: tuple[str, ...]
    ours: Mapping[str, str | int]  # by column
    printed: Mapping[str, str]  # by column; a column that the row does not print is missing
    differs: tuple[str, ...]  # columns
    agrees: bool
    note: str  # why it differs; "" where it agrees


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperTable:
    """A paper's table beside our network."""

    source: str
    notes: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[PaperRow, ...]


def paper_table(net: Net, published: Net, dialect: str | None) -> PaperTable:
    """The paper's table beside our rows.

    Args:
        net: whose rows are shown.
        published: the network as the paper has it.
        dialect: how `net` differs from it, in words; None where nothing is known.
    """
    comparison, paper = beside_paper(net), beside_paper(published)
    return PaperTable(
        source=comparison.table.source,
        notes=tuple(comparison.table.notes),
        columns=tuple(column.name for column in comparison.table.columns),
        rows=tuple(
            PaperRow(
                name=line.row.name,
                blocks=tuple(line.row.blocks),
                ours=dict(line.ours),
                printed=dict(line.row.printed),
                differs=tuple(line.differs),
                agrees=line.agrees,
                note=_why(net, line, own, dialect),
            )
            for line, own in zip(comparison.rows, paper.rows, strict=True)
        ),
    )


def _why(net: Net, line: Compared, paper: Compared, dialect: str | None) -> str:
    if line.agrees or line.ours == paper.ours:
        return line.row.note if line.differs else ""
    return f"{net.name} is {dialect}" if dialect else "other classes or widths than the paper's"
