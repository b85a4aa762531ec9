"""`inceptionkit convert`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from inceptionkit.cli.console import print_json
from inceptionkit.cli.options import Json

if TYPE_CHECKING:
    from inceptionkit.api.convert import Converted, Written
    from inceptionkit.model import Card
    from inceptionkit.preprocess import Preprocessing


def convert(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="Weights of another implementation: a PyTorch, safetensors, Keras, TensorFlow or "
            "Caffe file, or an id such as torchvision/googlenet. With --to, a run or a model.",
        ),
    ],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="The model folder to write; with --to, a file.")
    ],
    classes: Annotated[
        Path | None,
        typer.Option(
            metavar="NAMES",
            help="Names of the classes in the order of the outputs: text, one on each line, or a "
            "JSON list. Else ImageNet's where there are 1000.",
        ),
    ] = None,
    to: Annotated[
        Literal["torchvision"] | None,
        typer.Option(
            help="The other way round: write a model for torchvision, as .safetensors or .pth."
        ),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Turn weights of other implementations into a model folder, or a model into theirs."""
    from inceptionkit.api import convert as work

    if to is not None and classes is not None:
        msg = "--classes has no place in a file for torchvision, which holds no names"
        raise typer.BadParameter(msg)
    if to is not None:
        written = work.write_for_torchvision(source, out)
        if as_json:
            print_json(written.as_json())
        else:
            say_written(written)
        return
    converted = work.convert(source, out, classes=classes)
    if as_json:
        print_json(converted.as_json())
    else:
        say_converted(converted)


def say_converted(converted: Converted) -> None:
    """Print what was recognised, and what to type next."""
    imported, card = converted.imported, converted.imported.card
    say_network(card, f" in a {imported.format} file")
    names = ", ".join((*card.classes[:3], "...", card.classes[-1])[: len(card.classes) + 1])
    whence = {
        "given": "as given",
        "ImageNet": "ImageNet's",
        "numbered": "their names are not known, give --classes",
    }[imported.named]
    typer.echo(f"classes        {len(card.classes):,}, {whence}: {names}")
    typer.echo(f"preprocessing  {preprocessing_said(card.preprocessing)}")
    if imported.background:
        typer.echo("background     the first output stood for no class, and was left out")
    if imported.untrained:
        typer.echo(f"left out       {' '.join(imported.untrained)}: never trained")
    typer.echo(f"wrote {converted.folder}")
    typer.echo(f"next: inceptionkit predict {converted.folder} IMAGE")


def say_written(written: Written) -> None:
    """Print what was written, and what torchvision's file cannot say."""
    card = written.card
    say_network(card, "")
    typer.echo(f"preprocessing  {preprocessing_said(card.preprocessing)}")
    typer.echo("               the file cannot say it: do the same, and leave transform_input off")
    if written.left_out:
        typer.echo(f"left out       {' '.join(written.left_out)}: not torchvision's exits")
    typer.echo(f"wrote {written.path}")
    typer.echo(f"next: load_state_dict into torchvision.models.{written.network}")


def say_network(card: Card, where: str) -> None:
    """Print the architecture and its size."""
    from inceptionkit.derive import cost
    from inceptionkit.text import quantity

    priced = cost(card.architecture)
    exits = " ".join(e.name for e in card.architecture.exits)
    typer.echo(
        f"recognised     {card.architecture.name}{where}, "
        + (f"with its exits {exits}" if exits else "without exits")
    )
    more = f", {quantity(priced.everything.params)} with exits" if exits else ""
    typer.echo(f"parameters     {quantity(priced.answer.params)}{more}")


def preprocessing_said(told: Preprocessing) -> str:
    """Say what happens to an image."""
    mean, std = (" ".join(f"{v:.4g}" for v in values) for values in (told.mean, told.std))
    return (
        f"short side to {told.short_side} px, {told.interpolation}; "
        f"middle {told.size}x{told.size}; mean {mean}, std {std}"
    )
