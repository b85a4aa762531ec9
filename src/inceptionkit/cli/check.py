"""Printing `inceptionkit check`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from inceptionkit.api.check import CheckResult, check
from inceptionkit.cli.command import Command
from inceptionkit.cli.console import print_entry, print_line, print_table
from inceptionkit.text import duration, plural, shell_word

if TYPE_CHECKING:
    from inceptionkit.data.quality.findings import Finding

ROWS = 30  # classes in the table; of more, the largest and the smallest
BAR = 24  # columns of the longest bar


def _print_checked(checked: CheckResult) -> None:
    """Print the findings, the classes, and what was written."""
    from inceptionkit.data.quality.findings import verdict

    result = checked.to_json()
    _print_findings(checked.findings)
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
            plural(len(counts), "class", "classes"),
            "",
            f"{result['usable']:,}",
            *(f"{result['splits'][one]['images']:,}" for one in sets),
        ),
    )
    if result["sizes"]:
        size = {key: f"{wide}x{tall}" for key, (tall, wide) in result["sizes"].items()}
        kinds = ", ".join(f"{key} {number:,}" for key, number in result["modes"].items())
        sides = f"{size['smallest']} to {size['largest']} pixels, median {size['median']}"
        print_entry("sizes", "", f"{sides}; {kinds}")
    again = f", {result['remembered']:,} remembered" if result["remembered"] else ""
    print_line(f"verdict {verdict(checked.findings)} ({duration(result['seconds'])}{again})")
    print_line(f"page    {checked.page}")
    if checked.refused is None:
        print_line(f"next    inceptionkit train {shell_word(checked.scan.dataset.address)}")
    else:
        print_entry("refused", "bold red", f"train would stop: {checked.refused}")


def _print_findings(findings: Sequence[Finding]) -> None:
    """Print each finding, errors first, with what to do below it."""
    colors = {"error": "bold red", "warning": "yellow", "note": "dim"}
    for one in findings:
        print_entry(one.severity, colors[one.severity], one.says)
        print_entry("", "", one.advice, dim=True)


def shortened(counts: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """All classes, or of many the largest and the smallest."""
    if len(counts) <= ROWS:
        return list(counts)
    ordered = sorted(counts, key=lambda one: -one[1])
    return ordered[: ROWS // 2] + ordered[-ROWS // 2 :]


CHECK = Command(
    check,
    _print_checked,
    ("inceptionkit check photos/", "inceptionkit check photos/ --folds 5 --out check.html"),
    group="Look at data",
)
