"""`inceptionkit design`: a network that meets a cost. Torch is imported only to measure times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from inceptionkit.catalog.files import SUFFIX, family_member
from inceptionkit.derive.design.search import Design
from inceptionkit.derive.design.timed import Clock, scaled
from inceptionkit.errors import SpecError
from inceptionkit.files import write_json
from inceptionkit.progress import Listener, Silence
from inceptionkit.spec import Net, classes_of, to_json


def design(
    cost: str | Sequence[str],
    *,
    input: int,  # noqa: A002 - the command line's word
    classes: int | None = None,
    family: str | Net | None = None,
    device: str | None = None,
    listener: Listener | None = None,
) -> Design:
    """Scale a family member in width, depth and stem to what the answer to one image may cost.

    Args:
        cost: one or more, such as "300MMAC", "2Mparams", "4MiB" of activations, or "10ms" measured
            on this machine; none is overrun.
        input: side of the square image, pixels.
        classes: of the classifier; the family member's own if None.
        family: an architecture, its name or its file; None chooses by `input`.
        device: where a time is measured; a GPU if there is one.
        listener: hears what is measured.

    Returns:
        The design: its network (`net`), its cost, and the reasons for it.

    Raises:
        UnknownNameError: no such architecture.
        SpecError: a cost cannot be read or met; the nearest that can is named.
    """
    member = family if isinstance(family, Net) else family_member(family, input)

    def clock() -> Clock:
        from inceptionkit.evaluation.latency import Clock as Stopwatch

        return Stopwatch(device, listener or Silence())

    return scaled(
        member,
        [cost] if isinstance(cost, str) else cost,
        side=input,
        classes=classes or classes_of(member),
        clock=clock,
    )


def file_name(out: Path | None) -> Path | None:
    """Refuse a file that `train --arch` would not take for an architecture."""
    if out is not None and out.suffix != SUFFIX:
        msg = f"{out}: the name of an architecture file must end in {SUFFIX}"
        raise SpecError(msg)
    return out


def write(made: Design, out: Path | None) -> Path:
    """Write a design's architecture file.

    Args:
        made: the design.
        out: the file; None names it after the network, in the current folder.

    Raises:
        SpecError: the file name does not end in .json.
        RunError: it cannot be written.
    """
    path = file_name(out) or Path(made.net.name.replace(":", "-") + SUFFIX)
    write_json(path, to_json(made.net))
    return path


def as_json(made: Design, path: Path) -> dict[str, Any]:
    """What `design --json` prints."""
    priced = made.cost
    return {
        "file": str(path),
        "name": made.net.name,
        "family": made.family.name,
        "input": made.net.image[1],
        "classes": classes_of(made.net),
        "params": priced.answer.params,
        "macs": priced.answer.macs,
        "activation_bytes": priced.activation_bytes,
        "budgets": [
            {
                "asked": budget.text,
                "quantity": budget.quantity,
                "most": budget.most,
                "takes": made.taken(budget),
                "share": made.taken(budget) / budget.most,
            }
            for budget in made.budgets
        ],
        "timing": None if made.timing is None else asdict(made.timing),
        "width": made.chosen.width,
        "depth": made.chosen.shape.depth,
        "grid": made.chosen.shape.grid,
        "reasons": list(made.reasons),
        "rules_broken": [{"rule": f.rule.name, "at": f.at, "says": f.says} for f in made.broken],
    }
