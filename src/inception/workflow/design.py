"""`inception design`: a network that costs what it may, as an architecture file. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inception.derive.budget import MEASURES, parse
from inception.derive.design import Design
from inception.derive.design import design as scaled
from inception.errors import SpecError
from inception.files import write_json
from inception.spec import Net, to_json
from inception.workflow.architectures import SUFFIX, find
from inception.workflow.describe import classes_of

SMALL = 128  # pixels; up to here the compact network is the default family
COMPACT, LARGE = "compact", "googlenet:bn"


@dataclass(frozen=True, slots=True)
class Written:
    """A design and the file that holds it."""

    design: Design
    path: Path
    classes: int

    def as_json(self) -> dict[str, Any]:
        """What `design --json` prints."""
        made, priced = self.design, self.design.cost
        return {
            "file": str(self.path),
            "name": made.net.name,
            "family": made.family.name,
            "input": made.net.image[1],
            "classes": self.classes,
            "params": priced.answer.params,
            "macs": priced.answer.macs,
            "activation_bytes": priced.activation_bytes,
            "budgets": [
                {
                    "asked": budget.text,
                    "quantity": budget.quantity,
                    "most": budget.most,
                    "takes": MEASURES[budget.quantity](priced),
                    "share": budget.load(priced),
                }
                for budget in made.budgets
            ],
            "width": made.chosen.width,
            "depth": made.chosen.shape.depth,
            "grid": made.chosen.shape.grid,
            "reasons": list(made.reasons),
            "rules_broken": [
                {"rule": f.rule.name, "at": f.at, "says": f.says} for f in made.broken
            ],
        }

    def takes(self) -> list[str]:
        """What the network takes of each budget, in words."""
        priced = self.design.cost
        return [
            f"takes {budget.said(priced)} of {budget.text} ({budget.load(priced):.1%})"
            for budget in self.design.budgets
        ]


def design(
    budgets: Sequence[str],
    *,
    side: int,
    classes: int | None = None,
    family: str | None = None,
    out: Path | None = None,
) -> Written:
    """Scale a family member to what it may cost, and write it.

    Args:
        budgets: such as "300MMAC", "2Mparams", "4MiB"; none is overrun.
        side: of the square input, pixels.
        classes: of the classifier; the family member's own if None.
        family: name of an architecture or its file; None chooses by `side`.
        out: file to write; None names it after the network, in the current folder.

    Raises:
        UnknownNameError: no such architecture.
        SpecError: no budget can be read or met, or the file name does not end in .json.
        RunError: the file cannot be written.
    """
    if out is not None and out.suffix != SUFFIX:
        msg = f"{out}: the name of an architecture file must end in {SUFFIX}"
        raise SpecError(msg)
    wanted = [parse(text) for text in budgets]
    net = member(family or (COMPACT if side <= SMALL else LARGE), side)
    classes = classes or classes_of(net)
    made = scaled(net, wanted, side=side, classes=classes)
    path = out or Path(made.net.name.replace(":", "-") + SUFFIX)
    write_json(path, to_json(made.net))
    return Written(made, path, classes)


def member(name: str, side: int) -> Net:
    """The family member to scale: with the stem it has for such images, else its own."""
    own = find(name)
    try:
        suited = find(name, side=side)
    except SpecError:  # too small for its stem: others are tried
        return own
    return own if suited.trunk == own.trunk else suited
