"""`inception evaluate`."""

from __future__ import annotations

from typing import Annotated

import typer

from inception.cli.options import EarlyExit, Json, Model, Quiet


def evaluate(
    model: Model,
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="Labelled images, as `train` takes them.")
    ],
    early_exit: EarlyExit = None,
    *,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Score a model on labelled images: every exit, and every class.

    Of the images that the model was trained on, only those that were held out are scored.
    """
    from inception.cli.console import console, listener, print_json, print_table
    from inception.cli.words import count_said, percent, seconds_said
    from inception.evaluation.policy import StopWhenSure
    from inception.workflow.evaluate import evaluate as score

    policy = None if early_exit is None else StopWhenSure(early_exit)
    with listener(quiet=quiet, as_json=as_json) as heard:
        found = score(model, data, policy=policy, listener=heard)
    result = found.result
    if as_json:
        print_json(result)
        return
    print_table(
        ("exit", "top-1", "MACs", "share of the images"),
        [
            (name, percent(row["top1"]), count_said(row["macs"]), f"{row['share']:.0%}")
            for name, row in result["exits"].items()
        ],
    )
    print_table(
        ("class", "images", "precision", "recall", "F1"),
        [
            (
                row.name,
                f"{row.images:,}",
                percent(row.precision),
                percent(row.recall),
                percent(row.f1),
            )
            for row in found.classes
        ],
    )
    five = "" if result["top5"] is None else f", top-5 {percent(result['top5'])}"
    console().print(
        f"top-1 {percent(result['top1'])}{five} on {result['images']:,} images, "
        f"{count_said(result['mean_macs'])} MACs an image, {seconds_said(result['seconds'])}"
    )
