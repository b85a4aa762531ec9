"""`inceptionkit train` and `inceptionkit resume`."""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from inceptionkit.cli.options import Device, Json, PooledExits, Quiet, Workers

if TYPE_CHECKING:
    from inceptionkit.training.run.finish import Finished

START_TIME = monotonic()  # a time budget covers the whole command


def train(  # noqa: PLR0913 - the options of the verb
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A folder with one folder of images per class (or with train/, val/ and test/ of "
            "those); a .csv, .tsv or .jsonl manifest; .parquet, .tar or .zip files, also as "
            "'train-{000..012}.tar' or at an s3://, gs://, https:// or hf:// address; or the "
            "built-in `digits`.",
        ),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...", help="Settings of the recipe, such as lr=0.05 mirror=none."
        ),
    ] = None,
    *,
    arch: Annotated[
        str | None,
        typer.Option(
            help="Architecture, as `inceptionkit list` names it, or a .json file: one of `design`, "
            "or the run.json of a run; else the images decide."
        ),
    ] = None,
    input: Annotated[  # noqa: A002 - the word on the command line
        int | None,
        typer.Option(help="Side of the square input, in pixels; else the images decide.", min=1),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Model, run, weights file, or id of released weights to start from.",
        ),
    ] = None,
    cost: Annotated[
        list[str] | None,
        typer.Option(
            help="What the answer to one image may cost: 300MMAC, 2Mparams, 8MiB of activations, "
            "or 30ms, measured here; the architecture is scaled to it. May be given more than once."
        ),
    ] = None,
    exits: Annotated[
        str | None,
        typer.Option(
            metavar="BLOCK,...",
            help="Blocks after which exits stand, as `describe` names them, or none; else as they "
            "are.",
        ),
    ] = None,
    pooled_exits: PooledExits = False,
    recipe: Annotated[
        str | None,
        typer.Option(help="Recipe, as `inceptionkit recipes` names it, or a .json file."),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help="What training may cost: 10min or 1.5h of the whole command, 2e15flop, 30epochs."
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the training images.", min=1)
    ] = None,
    batch: Annotated[int | None, typer.Option(help="Images in an update.", min=2)] = None,
    seed: Annotated[
        int, typer.Option(help="Decides the split, the first weights and every random draw.")
    ] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; else the next number under runs/.")
    ] = None,
    precision: Annotated[
        str,
        typer.Option(
            help="auto, fp32, bf16, fp16 (GPUs), fp64; auto takes what a short probe finds fastest."
        ),
    ] = "auto",
    device: Device = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at images that cannot be used.")
    ] = False,
    workers: Workers = None,
    balance: Annotated[
        str,
        typer.Option(
            help="Classes of unequal size: none, loss (mistakes in small ones weigh more), sample "
            "(each comes equally often), or auto."
        ),
    ] = "auto",
    find_lr: Annotated[
        bool, typer.Option("--find-lr", help="Let a sweep of some updates choose the rate.")
    ] = False,
    track: Annotated[
        bool, typer.Option("--track", help="Write TensorBoard events into the run too.")
    ] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train a classifier on your images, measure it, and write a report.

    Example: inceptionkit train photos/ --budget 20min
    """
    from inceptionkit.api.train import train as run
    from inceptionkit.cli.console import listener

    with listener(quiet=quiet, as_json=as_json) as heard:
        done = run(
            data,
            architecture=arch,
            input=input,
            model=model,
            cost=cost or (),
            exits=blocks(exits),
            pooled_exits=pooled_exits,
            recipe=recipe,
            budget=budget,
            epochs=epochs,
            batch=batch,
            seed=seed,
            out=out,
            settings=settings or (),
            precision=precision,
            device=device,
            strict=strict,
            workers=workers,
            balance=balance,
            find_lr=find_lr,
            track=track,
            listener=heard,
            start_time=START_TIME,
        )
    tell(done, quiet=quiet, as_json=as_json)


def blocks(exits: str | None) -> tuple[str, ...] | None:
    """Names of blocks, as `--exits` takes them."""
    if exits is None:
        return None
    return () if exits == "none" else tuple(name.strip() for name in exits.split(","))


def resume(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run.")],
    *,
    allow_changed: Annotated[
        bool, typer.Option("--allow-changed", help="Go on though the images changed since.")
    ] = False,
    workers: Workers = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Go on with a run that was interrupted; it ends as if it had not been."""
    from inceptionkit.api.resume import resume as go_on
    from inceptionkit.cli.console import listener

    with listener(quiet=quiet, as_json=as_json) as heard:
        done = go_on(
            run, allow_changed=allow_changed, workers=workers, listener=heard, start_time=START_TIME
        )
    tell(done, quiet=quiet, as_json=as_json)


def tell(done: Finished, *, quiet: bool, as_json: bool) -> None:
    """Say what came out, what was written, and what to type next."""
    from inceptionkit.cli.console import console, print_json, print_table
    from inceptionkit.text import duration, percent, size

    result = done.result
    if os.environ.get("RANK", "0") != "0":  # of several processes the first one speaks
        return
    if as_json:
        print_json(result)
        return
    if quiet:
        return
    rows = [(name, percent(row["top1"])) for name, row in result["exits"].items()]
    print_table(
        (f"scored on {result['set']}, {result['images']:,} images", "top-1"),
        [*rows, ("main", percent(result["top1"]))],
    )
    memory = "" if result["peak_bytes"] is None else f", {size(result['peak_bytes'])} at peak"
    out = console()
    out.print(
        f"{result['epochs']:.1f} epochs in {duration(result['seconds'])}, "
        f"{result['images_per_second']:,.0f} images/s{memory}"
    )
    out.print(f"model   {done.model}", markup=False)
    out.print(f"report  {done.run / 'report.html'}", markup=False)
    out.print(f"next    inceptionkit predict {quote(str(done.run))} IMAGE...", markup=False)
