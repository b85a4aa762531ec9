"""Printing `inceptionkit architectures` and `inceptionkit describe`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inceptionkit.api import describe as api
from inceptionkit.cli import readings
from inceptionkit.cli.command import Command
from inceptionkit.cli.console import print_line, print_table, print_text
from inceptionkit.text import percent, quantity, shell_word, size

if TYPE_CHECKING:
    from inceptionkit.derive import NetCost
    from inceptionkit.derive.describe import Description
    from inceptionkit.spec import Net


def _print_architectures(result: api.ArchitecturesResult) -> None:
    """Print a row per architecture and dialect."""
    print_table(
        ("architecture", "input", "params", "MACs", "exits", "what it is"),
        [
            (
                row.name,
                f"{row.input}",
                quantity(row.params),
                quantity(row.macs),
                f"{len(row.exits)}" if row.exits else "",
                row.says,
            )
            for row in result.rows
        ],
        left=(0, 5),
    )


def _print_description(result: api.DescribeResult) -> None:
    """Print what was asked for, or else the costs."""
    name = result.description.cost.net.name
    if result.paper is not None:
        readings.print_paper(name, result.paper)
    if result.paths is not None:
        readings.print_paths(name, result.paths)
    if result.rules is not None:
        readings.print_rules(name, result.rules)
    if result.drawing is not None:
        print_text(f"wrote {result.drawing}")
    if result.file is not None:
        print_text(f"wrote {result.file}")
        print_text(f"next: edit it, then inceptionkit train DATA --arch {shell_word(result.file)}")
    if len(result.to_json()) == len(result.description.to_json()):
        _print_costs(result.description)


def _print_costs(description: Description) -> None:
    """Print the cost of each block, of each exit, and of the whole."""
    _print_blocks(description)
    print_text("answer, train: activation memory for one image; sees: receptive field")
    print_line()
    if description.cost.exits:
        _print_exits(description.cost)
    _print_whole(description)
    if description.left_out:
        print_text(f"{description.left_out}; --pooled-exits gives them heads for any input")


def _print_blocks(description: Description) -> None:
    """Print the cost of each block."""
    net, net_cost = description.cost.net, description.cost
    print_table(
        ("block", "output", "params", "MACs", "answer", "train", "sees"),
        [
            (
                row.at,
                f"{row.output.channels}x{row.output.size[0]}x{row.output.size[1]}",
                f"{row.cost.params:,}" if row.cost.params else "",
                f"{row.cost.macs:,}" if row.cost.macs else "",
                size(row.activation_bytes),
                size(row.training_bytes),
                "all" if row.at == "head" else seen(row.output.receptive_field),
            )
            for row in net_cost.blocks
        ],
        left=(0, 1),
        title=f"{title(net)}, {description.classes} classes ({net.source})",
        total=(
            "total",
            "",
            f"{net_cost.without_exits.params:,}",
            f"{net_cost.without_exits.macs:,}",
            size(net_cost.activation_bytes),
            size(4 * net_cost.without_exits.cells),
            "",
        ),
    )


def _print_exits(net_cost: NetCost) -> None:
    """Print the cost of each exit, and what it can save."""
    print_table(
        ("exit", "after", "params of its head", "MACs to here", "share", "saves at most"),
        [
            (
                row.exit.name,
                row.exit.after,
                f"{row.own.params:,}",
                f"{row.macs_to_here:,}",
                percent(row.macs_to_here / net_cost.without_exits.macs),
                percent(row.saves_at_most),
            )
            for row in net_cost.exits
        ],
        left=(0, 1),
    )


def _print_whole(description: Description) -> None:
    """Print the memory of the whole network, and the inputs that it takes."""
    net_cost = description.cost
    print_table(
        ("in all, float32", ""),
        [
            ("activations at their peak, to answer", size(net_cost.activation_bytes)),
            ("outputs of all operators, to train", size(net_cost.training_bytes)),
            ("input, without exits", f"from {description.smallest} px on"),
            *(
                (f"input of {name}", inputs.says(description.own_input))
                for name, inputs in description.exit_inputs.items()
            ),
        ],
        left=(0, 1),
    )


def title(net: Net) -> str:
    """Name and input."""
    return f"{net.name}: {net.image[1]}x{net.image[2]} pixels"


def seen(view: tuple[int, int]) -> str:
    """A receptive field; most are square."""
    return f"{view[0]} px" if view[0] == view[1] else f"{view[0]}x{view[1]} px"


ARCHITECTURES = Command(
    api.architectures,
    _print_architectures,
    ("inceptionkit architectures", "inceptionkit architectures --json"),
    also=("list",),
    group="Understand networks",
)
DESCRIBE = Command(
    api.describe,
    _print_description,
    (
        "inceptionkit describe googlenet --paper",
        "inceptionkit describe googlenet:bn --out net.json",
    ),
    group="Understand networks",
)
