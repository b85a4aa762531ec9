"""`inceptionkit design`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inceptionkit.cli.console import print_json, print_text
from inceptionkit.cli.options import Device, Json
from inceptionkit.text import quantity, size


def design(  # noqa: PLR0913 - the options of the verb
    cost: Annotated[
        list[str],
        typer.Option(
            "--cost",
            "--budget",
            help="What the answer to one image may cost: 300MMAC, 2Mparams, 4MiB of activations, "
            "or 10ms, measured here. May be given more than once; none is overrun.",
        ),
    ],
    input: Annotated[  # noqa: A002 - the word on the command line
        int, typer.Option(help="Side of the square input, pixels.", min=1)
    ],
    classes: Annotated[
        int | None, typer.Option(help="Number of classes; else the family's own.", min=2)
    ] = None,
    family: Annotated[
        str | None,
        typer.Option(
            help="Architecture to scale, as `inceptionkit list` names it, or its .json file; else "
            "compact up to 128 pixels, googlenet:bn above."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Where to write it.")
    ] = None,
    *,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Scale an architecture to what it may cost to run, and write it for `train --arch`."""
    from inceptionkit.api import design as verb
    from inceptionkit.cli.console import listener

    verb.file_name(out)  # told before anything is measured
    with listener(quiet=False, as_json=as_json) as heard:
        made = verb.design(
            cost, input=input, classes=classes, family=family, device=device, listener=heard
        )
    path = verb.write(made, out)
    if as_json:
        print_json(verb.as_json(made, path))
        return
    answer = made.cost.answer
    print_text(
        f"{made.net.name}: {quantity(answer.params)} parameters, "
        f"{quantity(answer.macs)} multiply-accumulates, "
        f"{size(made.cost.activation_bytes)} of activations, "
        f"{made.cost.blocks[-1].y.channels} classes"
    )
    for sentence in (*made.takes, *made.reasons):
        print_text(f"- {sentence}")
    print_text(f"wrote {path}")
    print_text(f"next: inceptionkit train DATA --arch {path} --input {input}")
