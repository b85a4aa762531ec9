"""`inceptionkit predict`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from inceptionkit.cli.options import EarlyExit, Json, Model, policy_of
from inceptionkit.text import duration, percent

if TYPE_CHECKING:
    from inceptionkit.api.predict import Answer


def predict(
    model: Model,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Images, and folders of images.")
    ],
    early_exit: EarlyExit = None,
    *,
    as_json: Json = False,
) -> None:
    """Say what is on images, one line each; a file that cannot be read is told and passed over."""
    from inceptionkit.api.predict import predict as classify

    policy = policy_of(early_exit)
    failed = False
    for answer in classify(model, paths, policy):
        failed = failed or answer.error is not None
        show(answer, as_json=as_json)
    if failed:
        raise typer.Exit(2)


def show(answer: Answer, *, as_json: bool) -> None:
    """Print one answer as it comes."""
    from inceptionkit.cli.app import complain
    from inceptionkit.cli.console import print_json

    if as_json:
        print_json(row(answer))
    elif answer.prediction is None:
        complain(f"{answer.path}: {answer.error}")
    else:
        found = answer.prediction
        where = "" if found.exit == "main" else f"  (exit {found.exit})"
        typer.echo(
            f"{answer.path}  {found.label}  {percent(found.probability)}  "
            f"{duration(found.ms / 1e3)}{where}"
        )


def row(answer: Answer) -> dict[str, Any]:
    """The keys that `predict --json` promises."""
    found = answer.prediction
    if found is None:
        return {"path": answer.path, "error": answer.error}
    return {
        "path": answer.path,
        "label": found.label,
        "probability": found.probability,
        "exit": found.exit,
        "ms": found.ms,
        "top": [{"label": label, "probability": p} for label, p in found.top],
    }
