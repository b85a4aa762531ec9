"""What a network may cost to run, as a person writes it: "300MMAC", "2Mparams", "4MiB", "10ms"."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal, TypeAlias

from inceptionkit import text
from inceptionkit.derive.cost import NetCost
from inceptionkit.errors import SpecError

Countable: TypeAlias = Literal["macs", "params", "activation_bytes"]
Quantity: TypeAlias = Countable | Literal["ms"]

COUNTS: Mapping[str, float] = MappingProxyType({"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9})
_BYTES: Mapping[str, float] = MappingProxyType(
    {"b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
)
_MILLISECONDS: Mapping[str, float] = MappingProxyType(
    {"us": 1e-3, "µs": 1e-3, "μs": 1e-3, "ms": 1.0, "s": 1e3}
)
_COUNTERS: Mapping[Countable, Callable[[NetCost], int]] = MappingProxyType(
    {
        "macs": lambda net_cost: net_cost.without_exits.macs,
        "params": lambda net_cost: net_cost.without_exits.params,
        "activation_bytes": lambda net_cost: net_cost.activation_bytes,
    }
)


@dataclass(frozen=True, slots=True)
class Counted:
    """The most of a counted quantity that one image may take, without exits."""

    quantity: Countable
    most: float
    text: str  # as it was written

    def load(self, net_cost: NetCost) -> float:
        """Share of the budget that a network takes; above 1 it is overrun."""
        return self.taken(net_cost) / self.most

    def taken(self, net_cost: NetCost) -> int:
        """What a network takes of this quantity."""
        return _COUNTERS[self.quantity](net_cost)


@dataclass(frozen=True, slots=True)
class Measured:
    """The longest that the answer to one image may take on this machine, without exits."""

    most: float  # milliseconds
    text: str  # as it was written
    quantity: ClassVar[Literal["ms"]] = "ms"


RunBudget: TypeAlias = Counted | Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long the answer to one image took, again and again."""

    median_ms: float
    quartiles_ms: tuple[float, float]
    runs: int  # that were counted
    how: str  # "fp32, channels last, 2 threads"

    def says(self) -> str:
        """In words."""
        low, high = self.quartiles_ms
        return (
            f"median of {self.runs} runs, quartiles {low:.3g} to {high:.3g} ms; {self.how}, "
            "one image at a time"
        )


def parse(written: str) -> RunBudget:
    """Read a budget; upper and lower case do not matter.

    >>> parse("300MMAC").most, parse("2Mparams").quantity, parse("1.5 GMACs").most
    (300000000.0, 'params', 1500000000.0)
    >>> parse("4MiB").most, parse("0.5s").most
    (4194304.0, 500.0)

    Raises:
        SpecError: it is none.
    """
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-zµμ]*)\s*", written.lower())
    number, unit = (float(found[1]), found[2]) if found else (0.0, "")
    if number > 0:
        if unit in _MILLISECONDS:
            return Measured(number * _MILLISECONDS[unit], written)
        if unit in _BYTES:
            return Counted("activation_bytes", number * _BYTES[unit], written)
        for word, quantity in WORDS.items():
            stem = unit.removesuffix("s").removesuffix(word)
            if stem != unit.removesuffix("s") and stem in COUNTS:
                return Counted(quantity, number * COUNTS[stem], written)
    msg = (
        f"a cost must be like 300MMAC, 2Mparams, 4MiB (of activations) or 10ms, for one image; "
        f"got {written!r}"
    )
    raise SpecError(msg)


def amount(quantity: Quantity, number: float, *, up: bool = False) -> str:
    """Three digits and a unit, which `parse` reads; rounded up where that is asked for.

    >>> amount("macs", 296_400_000), amount("macs", 296_400_000, up=True), amount("params", 800)
    ('296 MMAC', '297 MMAC', '800 params')
    """
    match quantity:
        case "ms":
            return text.duration(number / 1e3)
        case "activation_bytes":
            return text.size(number, up=up)
        case _:
            return text.quantity(number, "MAC" if quantity == "macs" else quantity, up=up)


WORDS: Mapping[str, Countable] = MappingProxyType({"mac": "macs", "param": "params"})
