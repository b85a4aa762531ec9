"""What a network may cost to run, as a person writes it: "300MMAC", "2Mparams", "4MiB"."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from inception.derive.cost import NetCost
from inception.errors import SpecError

Quantity: TypeAlias = Literal["macs", "params", "activation_bytes"]

COUNTS: Mapping[str, float] = MappingProxyType({"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9})
BYTES: Mapping[str, float] = MappingProxyType(
    {"b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
)
MEASURES: Mapping[Quantity, Callable[[NetCost], int]] = MappingProxyType(
    {
        "macs": lambda priced: priced.answer.macs,
        "params": lambda priced: priced.answer.params,
        "activation_bytes": lambda priced: priced.activation_bytes,
    }
)


@dataclass(frozen=True, slots=True)
class RunBudget:
    """The most that one image may take, without exits."""

    quantity: Quantity
    most: float
    text: str  # as it was written

    def load(self, priced: NetCost) -> float:
        """Share of the budget that a network takes; above 1 it is overrun."""
        return MEASURES[self.quantity](priced) / self.most

    def said(self, priced: NetCost) -> str:
        """What a network takes of this quantity, in the unit of the budget."""
        return in_units(self.quantity, MEASURES[self.quantity](priced))


def parse(text: str) -> RunBudget:
    """Read a budget; upper and lower case do not matter.

    >>> parse("300MMAC").most, parse("2Mparams").quantity, parse("1.5 GMACs").most
    (300000000.0, 'params', 1500000000.0)
    >>> parse("4MiB").most
    4194304.0

    Raises:
        SpecError: it is none.
    """
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)\s*", text.lower())
    number, unit = (float(found[1]), found[2]) if found else (0.0, "")
    for word, quantity in (("mac", "macs"), ("param", "params")):
        stem = unit.removesuffix("s").removesuffix(word)
        if stem != unit.removesuffix("s") and stem in COUNTS and number > 0:
            return RunBudget(
                "macs" if quantity == "macs" else "params", number * COUNTS[stem], text
            )
    if unit in BYTES and number > 0:
        return RunBudget("activation_bytes", number * BYTES[unit], text)
    msg = (
        f"a cost must be like 300MMAC, 2Mparams or 4MiB (of activations for one image), "
        f"got {text!r}"
    )
    raise SpecError(msg)


def in_units(quantity: Quantity, amount: float) -> str:
    """Three digits and a unit that `parse` reads.

    >>> in_units("macs", 296_400_000), in_units("params", 800), in_units("activation_bytes", 2**21)
    ('296MMAC', '800params', '2.00MiB')
    """
    word = {"macs": "MAC", "params": "params", "activation_bytes": "B"}[quantity]
    steps = (("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10)) if word == "B" else COUNT_STEPS
    for letter, size in steps:
        if amount >= size:
            number = amount / size
            digits = 2 if number < 10 else 1 if number < 100 else 0
            return f"{number:.{digits}f}{letter}{word}"
    return f"{amount:g}{word}"


COUNT_STEPS = (("G", 10**9), ("M", 10**6), ("k", 10**3))
