"""Printing `inceptionkit prune`."""

from __future__ import annotations

from inceptionkit.api.prune import PruneResult, prune
from inceptionkit.cli.command import Command
from inceptionkit.cli.console import print_line
from inceptionkit.text import percent, quantity, shell_word


def _print_pruned(result: PruneResult) -> None:
    """Print what was saved, and what to type next."""
    for what, (before, after) in (("params", result.params), ("MACs", result.macs)):
        share = percent(after / before)
        print_line(f"{what:8}{quantity(before)} to {quantity(after)} ({share})")
    print_line(f"model   {result.model}")
    print_line(f"next    inceptionkit predict {shell_word(result.model)} IMAGE...")


PRUNE = Command(
    prune,
    _print_pruned,
    (
        "inceptionkit prune runs/photos-001 --at exit1",
        "inceptionkit prune runs/photos-001 --at exit2 --out models/small",
    ),
    group="Deploy",
)
