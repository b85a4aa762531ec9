"""`inceptionkit check`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from inceptionkit.cli.options import Data, Json, Quiet
from inceptionkit.errors import DataError

if TYPE_CHECKING:
    from inceptionkit.api.check import Checked
    from inceptionkit.data.quality.findings import Finding

ROWS = 30  # classes in the table; of more, the largest and the smallest
BAR = 24  # columns of the longest bar


def check(  # noqa: PLR0913 - the options of the verb
    data: Data,
    *,
    out: Annotated[
        Path | None,
        typer.Option(metavar="PAGE.html", help="The page; else the next free name under runs/."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with 2 where there is an error or a warning.")
    ] = False,
    folds: Annotated[
        int | None,
        typer.Option(
            help="Also look for label errors, with so many short trainings; 5 is usual.",
            min=2,
            max=20,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of those trainings.", min=0)] = 0,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Look at every image: copies, odd ones, unusable ones, and classes too small to learn.

    Nothing is written beside the images. Example: inceptionkit check photos/
    """
    from inceptionkit.api.check import check as run
    from inceptionkit.cli.console import listener, print_json

    with listener(quiet=quiet, as_json=as_json) as heard:
        done = run(data, out=out, folds=folds, seed=seed, listener=heard)
    if as_json:
        print_json(done.result)
    elif not quiet:
        tell(done)
    faults = [one for one in done.findings if one.severity != "note"]
    if strict and faults:
        more = f" ({len(faults)} findings in all)" if len(faults) > 1 else ""
        msg = f"{data}: {faults[0].says}; {faults[0].advice}{more}"
        raise DataError(msg)


def tell(done: Checked) -> None:
    """Print the findings, the classes, and what was written."""
    from inceptionkit.cli.console import console, print_table
    from inceptionkit.report.check_content import verdict
    from inceptionkit.text import duration

    result, out = done.result, console()
    print_findings(done.findings)
    sets = [name for name in result["splits"] if name != "all"]
    counts = list(result["classes"].items())
    most = max((number for _, number in counts), default=0)
    rows = [
        (
            name,
            "█" * round(BAR * number / most) if most else "",
            f"{number:,}",
            *(f"{result['splits'][one]['classes'][name]:,}" for one in sets),
        )
        for name, number in shortened(counts)
    ]
    print_table(
        ("class", "", "images", *sets),
        rows,
        left=(0, 1),
        title=f"{result['usable']:,} of {result['images']:,} images are usable",
        total=(
            f"{len(counts):,} classes",
            "",
            f"{result['usable']:,}",
            *(f"{result['splits'][one]['images']:,}" for one in sets),
        ),
    )
    if result["sizes"]:
        size = {key: f"{wide}x{tall}" for key, (tall, wide) in result["sizes"].items()}
        kinds = ", ".join(f"{key} {number:,}" for key, number in result["modes"].items())
        out.print(
            f"sizes   {size['smallest']} to {size['largest']} pixels, median {size['median']}; "
            f"{kinds}",
            markup=False,
        )
    again = f", {result['remembered']:,} remembered" if result["remembered"] else ""
    out.print(f"verdict {verdict(done.findings)} ({duration(result['seconds'])}{again})")
    out.print(f"page    {done.page}", markup=False)
    out.print(f"next    inceptionkit train {quote(done.scan.dataset.address)}", markup=False)


def print_findings(findings: Sequence[Finding]) -> None:
    """Print each finding, errors first, with what to do below it."""
    from rich.text import Text

    from inceptionkit.cli.console import console

    colours = {"error": "bold red", "warning": "yellow", "note": "dim"}
    out = console()
    for one in findings:
        out.print(Text.assemble((f"{one.severity:<8}", colours[one.severity]), one.says))
        out.print(Text(f"{'':8}{one.advice}", style="dim"))


def shortened(counts: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """All classes, or of many the largest and the smallest."""
    if len(counts) <= ROWS:
        return list(counts)
    ordered = sorted(counts, key=lambda one: -one[1])
    return ordered[: ROWS // 2] + ordered[-ROWS // 2 :]
