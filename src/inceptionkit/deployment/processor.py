"""What this machine's processor computes by itself. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from inceptionkit.machine import cpu_flags
from inceptionkit.model.export_info import Precision


@dataclass(frozen=True, slots=True)
class Units:
    """What a processor needs to have for a precision."""

    flags: frozenset[str]  # one of them, in the kernel's words
    names: str
    without: str  # what happens without


UNITS: Mapping[Precision, Units] = MappingProxyType(
    {
        "bf16": Units(
            frozenset({"avx512_bf16", "amx_bf16", "bf16"}),
            "AVX512_BF16 or AMX",
            "bf16 is computed as fp32 here and gains nothing",
        ),
        "int8": Units(
            frozenset({"avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"}),
            "VNNI or AMX",
            "int8 is smaller here, but hardly faster",
        ),
    }
)


def lacking(precision: Precision, flags: frozenset[str] | None = None) -> str:
    """Say in a sentence that the processor does not compute this precision by itself.

    Args:
        precision: of the arithmetic.
        flags: of the processor; this machine's if None.

    Returns:
        The sentence; "" where it does, or where the system does not say.
    """
    here = cpu_flags() if flags is None else flags
    needed = UNITS.get(precision)
    if needed is None or not here or here & needed.flags:
        return ""
    return f"this processor has no {needed.names}: {needed.without}"
