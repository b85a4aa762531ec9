"""Printing `inceptionkit design`."""

from __future__ import annotations

from inceptionkit.api.design import DesignResult, design
from inceptionkit.cli.command import Command
from inceptionkit.cli.console import print_text
from inceptionkit.text import quantity, shell_word, size


def _print_design(result: DesignResult) -> None:
    """Print what the network takes, the reasons for it, and what to type next."""
    made, answer = result.design, result.design.cost.without_exits
    print_text(
        f"{made.net.name}: {quantity(answer.params)} parameters, "
        f"{quantity(answer.macs)} multiply-accumulates, "
        f"{size(made.cost.activation_bytes)} of activations, "
        f"{made.cost.blocks[-1].output.channels} classes"
    )
    for sentence in (*made.takes, *made.reasons):
        print_text(f"- {sentence}")
    print_text(f"wrote {result.file}")
    side_word = shell_word(made.net.image[1])
    print_text(
        f"next: inceptionkit train DATA --arch {shell_word(result.file)} --input {side_word}"
    )


DESIGN = Command(
    design,
    _print_design,
    (
        "inceptionkit design --cost 300MMAC --input-size 96 --classes 20",
        "inceptionkit design --cost 10ms --input-size 64 --out fast.json",
    ),
    group="Understand networks",
)
