"""Printing `inceptionkit bench` and `inceptionkit export`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from inceptionkit.api.bench import BenchResult, bench
from inceptionkit.api.export import ExportResult, export
from inceptionkit.cli.command import Command
from inceptionkit.cli.console import print_line, print_table, print_text
from inceptionkit.text import percent, shell_word, significant, size

if TYPE_CHECKING:
    from inceptionkit.deployment.backends import LeftOut
    from inceptionkit.deployment.benchmark import BenchmarkRow
    from inceptionkit.deployment.variants import Variants

_MIB = 2**20


def print_bench(result: BenchResult) -> None:
    """Print every way to run it, the gains, and what could not be measured."""
    threads = "1 thread" if result.threads == 1 else f"{result.threads} threads"
    print_text(f"{result.model} with {threads} of {result.processor}")
    _print_speeds(result.rows)
    print_text(legend(result, result.rows, against=result.against))
    for sentence in (*gains(result.rows), *left_out(result.left_out)):
        print_text(sentence)


def _print_export(result: ExportResult) -> None:
    """Print what was measured, what the graph takes, where it is, and what to type next."""
    from inceptionkit.model import read_card

    if result.variants is not None:
        _print_variants(result.variants)
    if result.why is not None:
        print_line(result.why)
    card, _ = read_card(result.model)
    if card.exported is not None and card.exported.kind != "torch" and not card.exported.resize:
        how = f"short side {card.preprocessing.short_side} px, {card.preprocessing.interpolation}"
        print_text(f"input   {how}, resized before the graph; --resize puts that into it")
    of_bytes = "" if result.written is None else f" ({size(result.written.bytes)})"
    print_line(f"model   {result.folder}{of_bytes}")
    print_line(f"next    inceptionkit predict {shell_word(result.model)} IMAGE...")


def _print_variants(variants: Variants) -> None:
    """Print every precision, what it changes, and what could not be made."""
    rows = [variant.row for variant in variants.variants]
    _print_speeds(rows)
    print_text(legend(variants, rows, against="the trained model"))
    for variant in variants.variants:
        print_text(f"{variant.row.precision} changes top-1 by {variants.change_of(variant)}")
    for sentence in left_out(variants.left_out):
        print_text(sentence)


def _print_speeds(rows: Sequence[BenchmarkRow]) -> None:
    """Print a table of speeds; a column that no row fills is not there."""
    scored, compared = _is_scored(rows), _is_compared(rows)
    print_table(
        (
            *("engine", "precision", "ms", "p95", "p99", "img/s", "at", "MiB", "RAM"),
            *(("top-1",) if scored else ()),
            *(("agrees",) if compared else ()),
        ),
        [
            (
                row.engine.replace("inceptionkit+", "ours, "),
                row.precision,
                significant(row.median_ms),
                significant(row.p95_ms),
                significant(row.p99_ms),
                significant(row.images_per_second),
                str(row.batch),
                significant(row.bytes / _MIB),
                "" if row.peak_bytes is None else significant(row.peak_bytes / _MIB),
                *((_short_percent(row.top1),) if scored else ()),
                *((_short_percent(row.agreement),) if compared else ()),
            )
            for row in rows
        ],
        left=(0, 1),
    )


def _is_scored(rows: Sequence[BenchmarkRow]) -> bool:
    """Whether a row has a top-1."""
    return any(row.top1 is not None for row in rows)


def _is_compared(rows: Sequence[BenchmarkRow]) -> bool:
    """Whether a row has an agreement."""
    return any(row.agreement is not None for row in rows)


def _short_percent(share: float | None) -> str:
    """A share as narrow as it can be: all is "100 %"."""
    return "100 %" if share == 1 else percent(share)


def legend(result: BenchResult | Variants, rows: Sequence[BenchmarkRow], *, against: str) -> str:
    """What the columns mean, and what was shown."""
    what = [
        "ms, p95, p99: median and percentiles of single images, without decoding and resize",
        "img/s: at that batch, which does best",
        "MiB: of its files",
    ]
    if any(row.peak_bytes is not None for row in rows):
        what.append("RAM: MiB at the peak of a new process that loads it and answers one image")
    if _is_compared(rows):
        what.append(f"agrees: names the image as {against} does")
    shown = _is_scored(rows) or _is_compared(rows)
    return "; ".join(what) + (f" ({result.images:,} images: {result.which})" if shown else "")


def gains(rows: Sequence[BenchmarkRow]) -> Iterator[str]:
    """How much faster the fastest of ours is than others, and stopping early than not."""
    ours = [row for row in rows if row.ours and not row.to_the_end]
    others = [row for row in rows if not row.ours]
    if ours and others:
        first, second = (min(some, key=lambda row: row.median_ms) for some in (ours, others))
        yield (
            f"the fastest of ours, {named(first)}, takes {significant(first.median_ms)} ms, of "
            f"the others, {named(second)}, {significant(second.median_ms)} ms: "
            f"{second.median_ms / first.median_ms:.2f} times as long"
        )
    for row in (row for row in rows if row.to_the_end):
        key = (row.to_the_end, row.precision)
        whole = next(one for one in rows if (one.engine, one.precision) == key)
        yield (
            f"stopping at exits as the stored policy says takes {significant(row.mean_ms)} ms "
            f"in the mean, running to the end {significant(whole.mean_ms)} ms: "
            f"{whole.mean_ms / row.mean_ms:.2f} times as long"
        )


def left_out(rows: Sequence[LeftOut]) -> Iterator[str]:
    """What is not in the table, and why."""
    for row in rows:
        yield f"left out: {named(row)}: {row.reason}"


def named(row: BenchmarkRow | LeftOut) -> str:
    """Engine and precision."""
    return f"{row.engine} in {row.precision}"


BENCH = Command(
    bench,
    print_bench,
    ("inceptionkit bench runs/photos-001 --data photos/", "inceptionkit bench googlenet"),
    group="Deploy",
)
EXPORT = Command(
    export,
    _print_export,
    (
        "inceptionkit export runs/photos-001 --to onnx",
        "inceptionkit export runs/photos-001 --fastest --data photos/",
    ),
    group="Deploy",
)
