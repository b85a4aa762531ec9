"""`inceptionkit list` and `inceptionkit describe`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inceptionkit.cli import readings
from inceptionkit.cli.console import print_json, print_table, print_text
from inceptionkit.cli.options import Json, PooledExits
from inceptionkit.text import percent, quantity, size

if TYPE_CHECKING:
    from inceptionkit.derive import NetCost
    from inceptionkit.derive.describe import Description
    from inceptionkit.spec import Net


def list_architectures(*, as_json: Json = False) -> None:
    """List the architectures, with what they cost."""
    from inceptionkit.derive.describe import listing

    rows = listing()
    if as_json:
        print_json({"architectures": rows})
        return
    print_table(
        ("architecture", "input", "params", "MACs", "exits", "what it is"),
        [
            (
                row["name"],
                f"{row['input']}",
                quantity(row["params"]),
                quantity(row["macs"]),
                f"{len(row['exits'])}" if row["exits"] else "",
                row["says"],
            )
            for row in rows
        ],
        left=(0, 5),
    )


def describe(  # noqa: PLR0913 - the options of the verb
    name: Annotated[
        str,
        typer.Argument(
            metavar="ARCH", help="Architecture, as `inceptionkit list` names it, or its .json file."
        ),
    ],
    input: Annotated[  # noqa: A002 - the word on the command line
        int | None, typer.Option(help="Side of the square input, pixels.", min=1)
    ] = None,
    classes: Annotated[int | None, typer.Option(help="Number of classes.", min=2)] = None,
    *,
    pooled_exits: PooledExits = False,
    paper: Annotated[
        bool, typer.Option("--paper", help="Show our rows beside the table of the paper.")
    ] = False,
    per_path: Annotated[
        bool, typer.Option("--per-path", help="Show what each path takes of its block.")
    ] = False,
    rules: Annotated[
        bool, typer.Option("--rules", help="Show what the papers' design rules say about it.")
    ] = False,
    draw: Annotated[
        Path | None, typer.Option(metavar="FILE.svg", help="Draw it into this file.")
    ] = None,
    paths: Annotated[
        bool, typer.Option("--paths", help="Draw every operator, not every block.")
    ] = False,
    flow: Annotated[str, typer.Option(help="Where the drawing flows: right or down.")] = "right",
    theme: Annotated[str, typer.Option(help="Of the drawing: auto, light or dark.")] = "auto",
    as_json: Json = False,
) -> None:
    """Show an architecture block by block: shapes, parameters, work, memory, receptive field."""
    from inceptionkit.derive.describe import description

    if paths and draw is None:
        msg = "it says how to draw; give --draw FILE.svg too"
        raise typer.BadParameter(msg, param_hint="--paths")
    told = description(name, side=input, classes=classes, pooled_exits=pooled_exits)
    net = told.cost.net
    more: dict[str, Any] = {}
    shown = []
    if paper:
        more["paper"], show = readings.paper(net)
        shown.append(show)
    if per_path:
        more["paths"], show = readings.per_path(net)
        shown.append(show)
    if rules:
        more["rules"], show = readings.rules(net)
        shown.append(show)
    if draw:
        more["drawing"], show = readings.draw(net, draw, paths=paths, flow=flow, theme=theme)
        shown.append(show)
    if as_json:
        print_json(told.as_json() | more)
        return
    for show in shown or [lambda: print_costs(told)]:
        show()


def print_costs(told: Description) -> None:
    """Print the cost of each block, of each exit, and of the whole."""
    print_blocks(told)
    print_text("answer, train: activation memory for one image; sees: receptive field\n")
    if told.cost.exits:
        print_exits(told.cost)
    print_whole(told)
    if told.left_out:
        print_text(f"{told.left_out}; --pooled-exits gives them heads for any input")


def print_blocks(told: Description) -> None:
    """Print the cost of each block."""
    net, priced = told.cost.net, told.cost
    print_table(
        ("block", "output", "params", "MACs", "answer", "train", "sees"),
        [
            (
                row.at,
                f"{row.y.channels}x{row.y.size[0]}x{row.y.size[1]}",
                f"{row.cost.params:,}" if row.cost.params else "",
                f"{row.cost.macs:,}" if row.cost.macs else "",
                size(row.activation_bytes),
                size(row.training_bytes),
                "all" if row.at == "head" else seen(row.y.view),
            )
            for row in priced.blocks
        ],
        left=(0, 1),
        title=f"{title(net)}, {told.classes} classes ({net.source})",
        total=(
            "total",
            "",
            f"{priced.answer.params:,}",
            f"{priced.answer.macs:,}",
            size(priced.activation_bytes),
            size(4 * priced.answer.cells),
            "",
        ),
    )


def print_exits(priced: NetCost) -> None:
    """Print the cost of each exit, and what it can save."""
    print_table(
        ("exit", "after", "params of its head", "MACs to here", "share", "saves at most"),
        [
            (
                row.exit.name,
                row.exit.after,
                f"{row.own.params:,}",
                f"{row.macs_to_here:,}",
                percent(row.macs_to_here / priced.answer.macs),
                percent(row.saves_at_most),
            )
            for row in priced.exits
        ],
        left=(0, 1),
    )


def print_whole(told: Description) -> None:
    """Print the memory of the whole network, and the inputs that it takes."""
    priced = told.cost
    print_table(
        ("in all, float32", ""),
        [
            ("activations at their peak, to answer", size(priced.activation_bytes)),
            ("outputs of all operators, to train", size(priced.training_bytes)),
            ("input, without exits", f"from {told.smallest} px on"),
            *(
                (f"input of {name}", inputs.says(told.own_input))
                for name, inputs in told.exit_inputs.items()
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
