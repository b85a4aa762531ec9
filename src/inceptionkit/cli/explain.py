"""Printing `inceptionkit explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inceptionkit.api.explain import ExplainResult, explain
from inceptionkit.cli.command import Command
from inceptionkit.cli.console import Output, complain, print_json, print_line

if TYPE_CHECKING:
    from inceptionkit.evaluation.explain.explanation import Explanation


def _print_explanation(output: Output, explanation: Explanation) -> None:
    """Print one explanation, or why there is none."""
    if output.json_only:
        print_json(explanation.to_json())
    elif explanation.error is not None:
        complain(f"{explanation.path}: {explanation.error}")


def _print_pictures(result: ExplainResult) -> None:
    """Print where the pictures are."""
    for picture in result.pictures:
        print_line(f"wrote   {picture}")


EXPLAIN = Command(
    explain,
    _print_pictures,
    (
        "inceptionkit explain runs/photos-001 rose.jpg --out rose.png",
        "inceptionkit explain runs/photos-001 new/ --method gradcam --exits main",
    ),
    each=_print_explanation,
)
