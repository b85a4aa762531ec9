"""Printing `inceptionkit embed`."""

from __future__ import annotations

from inceptionkit.api.embed import EmbedResult, embed
from inceptionkit.cli.command import Command
from inceptionkit.cli.console import Output, complain, print_line
from inceptionkit.text import plural


def _complain(output: Output, result: EmbedResult | None) -> None:
    """Print to standard error what could not be used; JSON has it."""
    for name, reason in ({} if result is None or output.json_only else result.errors).items():
        complain(f"{name}: {reason}")


def _print_embedded(result: EmbedResult) -> None:
    """Print what was computed and where it is."""
    count, features = result.vectors.shape
    line = f"{plural(count, 'image')}, {features:,} features of each, by {result.model}"
    if result.out is None:
        print_line(f"{line}; name a file to keep them, such as --out features.npy")
        return
    print_line(line)
    print_line(f"wrote {result.out}")
    if result.out.suffix == ".npy":
        print_line(f"rows  {result.out.with_suffix('.csv')}")


EMBED = Command(
    embed,
    _print_embedded,
    (
        "inceptionkit embed photos/ --out features.npy",
        "inceptionkit embed runs/photos-001 photos/ --out features.parquet",
    ),
    last=_complain,
)
