"""Printing `inceptionkit bench` and `inceptionkit export`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, TypeAlias

from inceptionkit.api.bench import BenchResult, bench
from inceptionkit.api.export import ExportResult, export
from inceptionkit.cli.command import Command
from inceptionkit.cli.console import console, print_table, print_text
from inceptionkit.text import percent, points, significant, size

RowJson: TypeAlias = Mapping[str, Any]

MIB = 2**20


def print_bench(found: BenchResult) -> None:
    """Print every way to run it, the gains, and what could not be measured."""
    told = found.to_json()
    threads = "1 thread" if found.threads == 1 else f"{found.threads} threads"
    print_text(f"{found.model} with {threads} of {found.processor}")
    print_speeds(told["rows"])
    print_text(legend(told, against=found.against))
    for sentence in (*gains(told["rows"]), *left_out(told["left_out"])):
        print_text(sentence)


def print_export(result: ExportResult) -> None:
    """Print what was measured, where the model is, and what to type next."""
    details, page = result.details, console()
    if "rows" in details:
        print_variants(details)
    if "why" in details:
        page.print(details["why"], markup=False)
    said = f" ({size(details['bytes'])})" if "bytes" in details else ""
    page.print(f"model   {result.folder}{said}", markup=False)
    page.print(f"next    inceptionkit predict {result.model} IMAGE...", markup=False)


def print_variants(told: RowJson) -> None:
    """Print every precision, what it changes, and what could not be made."""
    print_speeds(told["rows"])
    print_text(legend(told, against="the trained model"))
    for row in told["rows"]:
        change = row["change"]["difference"]
        print_text(
            f"{row['precision']} changes top-1 by {points(change['mean'])} points "
            f"({points(change['low'])} to {points(change['high'])}) on "
            f"{row['change']['images']:,} images: {told['chosen_on']}"
        )
    for sentence in left_out(told["left_out"]):
        print_text(sentence)


def print_speeds(rows: Sequence[RowJson]) -> None:
    """Print a table of speeds; a column that no row fills is not there."""
    shares = {"top-1": "top1", "agrees": "agreement"}
    shown = {head: key for head, key in shares.items() if any(r[key] is not None for r in rows)}
    print_table(
        ("engine", "precision", "ms", "p95", "images/s", "at", "MiB", *shown),
        [
            (
                row["engine"].replace("inceptionkit+", "ours, "),
                row["precision"],
                significant(row["median_ms"]),
                significant(row["p95_ms"]),
                significant(row["images_per_second"]),
                str(row["batch"]),
                significant(row["bytes"] / MIB),
                *(share_said(row[key]) for key in shown.values()),
            )
            for row in rows
        ],
        left=(0, 1),
    )


def share_said(share: float | None) -> str:
    """A share as narrow as it can be: all is "100 %"."""
    return "100 %" if share == 1 else percent(share)


def legend(told: RowJson, *, against: str) -> str:
    """What the columns mean, and what was shown."""
    scored = any(row["top1"] is not None for row in told["rows"])
    compared = any(row["agreement"] is not None for row in told["rows"])
    what = [
        "ms and p95: median and 95th percentile of single images, without decoding and resize",
        "images/s: at that batch, which does best",
    ]
    if compared:
        what.append(f"agrees: names the image as {against} does")
    on = f" ({told['images']:,} images: {told['which']})" if scored or compared else ""
    return "; ".join(what) + on


def gains(rows: Sequence[RowJson]) -> Iterator[str]:
    """How much faster the fastest of ours is than others, and stopping early than not."""
    ours = [row for row in rows if row["ours"] and not row["to_the_end"]]
    others = [row for row in rows if not row["ours"]]
    if ours and others:
        first, second = (min(some, key=lambda row: row["median_ms"]) for some in (ours, others))
        yield (
            f"the fastest of ours, {named(first)}, takes {significant(first['median_ms'])} ms, of "
            f"the others, {named(second)}, {significant(second['median_ms'])} ms: "
            f"{second['median_ms'] / first['median_ms']:.2f} times as long"
        )
    for row in filter(itemgetter("to_the_end"), rows):
        key = (row["to_the_end"], row["precision"])
        whole = next(one for one in rows if (one["engine"], one["precision"]) == key)
        yield (
            f"stopping at exits as the stored policy says takes {significant(row['mean_ms'])} ms "
            f"in the mean, running to the end {significant(whole['mean_ms'])} ms: "
            f"{whole['mean_ms'] / row['mean_ms']:.2f} times as long"
        )


def left_out(rows: Sequence[RowJson]) -> Iterator[str]:
    """What is not in the table, and why."""
    for row in rows:
        yield f"left out: {named(row)}: {row['reason']}"


def named(row: RowJson) -> str:
    """Engine and precision."""
    return f"{row['engine']} in {row['precision']}"


BENCH = Command(
    bench,
    print_bench,
    ("inceptionkit bench runs/photos-001 --data photos/", "inceptionkit bench googlenet"),
)
EXPORT = Command(
    export,
    print_export,
    (
        "inceptionkit export runs/photos-001 --to onnx",
        "inceptionkit export runs/photos-001 --fastest --data photos/",
    ),
)
