"""`inception list` and `inception describe`."""

from __future__ import annotations

from typing import Annotated

import typer

from inception.cli.console import print_json, print_table
from inception.cli.words import bytes_said, count_said

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]


def list_architectures(*, as_json: Json = False) -> None:
    """List the architectures, with what they cost."""
    from inception.workflow.describe import listing

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
                count_said(row["params"]),
                count_said(row["macs"]),
                " ".join(row["exits"]),
                row["says"],
            )
            for row in rows
        ],
        left=(0, 4, 5),
    )


def describe(
    name: Annotated[
        str,
        typer.Argument(metavar="ARCH", help="Architecture, as `inception list` names it."),
    ],
    input: Annotated[  # noqa: A002 - the word on the command line
        int | None, typer.Option(help="Side of the square input, pixels.", min=1)
    ] = None,
    classes: Annotated[int | None, typer.Option(help="Number of classes.", min=2)] = None,
    *,
    as_json: Json = False,
) -> None:
    """Show an architecture block by block: shapes, parameters, work, memory, receptive field."""
    from inception.workflow.describe import description

    told = description(name, side=input, classes=classes)
    if as_json:
        print_json(told.as_json())
        return
    net, priced = told.cost.net, told.cost
    print_table(
        ("block", "output", "params", "MACs", "memory", "sees"),
        [
            (
                row.at,
                f"{row.y.channels}x{row.y.size[0]}x{row.y.size[1]}",
                f"{row.cost.params:,}" if row.cost.params else "",
                f"{row.cost.macs:,}" if row.cost.macs else "",
                bytes_said(4 * row.y.cells),
                "everything" if row.at == "head" else f"{row.y.view[0]} px",
            )
            for row in priced.blocks
        ],
        left=(0, 1),
        title=f"{net.name}: {net.image[1]}x{net.image[2]} pixels, {told.classes} classes "
        f"({net.source})",
        total=("total", "", f"{priced.answer.params:,}", f"{priced.answer.macs:,}", "", ""),
    )
    if priced.exits:
        print_table(
            ("exit", "after", "params of its head", "MACs to here", "share"),
            [
                (
                    row.exit.name,
                    row.exit.after,
                    f"{row.own.params:,}",
                    f"{row.macs_to_here:,}",
                    f"{row.macs_to_here / priced.answer.macs:.0%}",
                )
                for row in priced.exits
            ],
            left=(0, 1),
        )
    print_table(
        ("for one image, float32", ""),
        [
            ("activations at their peak, answering", bytes_said(priced.activation_bytes)),
            ("outputs of all operators, training", bytes_said(priced.training_bytes)),
            ("smallest input, without exits", f"{told.smallest} px"),
            *(
                (f"smallest input of {name}", f"{side} px")
                for name, side in told.exits_from.items()
            ),
        ],
        left=(0,),
    )
