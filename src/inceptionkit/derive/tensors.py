"""Names and shapes of a network's tensors, read off the walk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import TypeAlias

from inceptionkit.spec import (
    AdaptivePool,
    Block,
    Conv,
    Dropout,
    GlobalPool,
    Linear,
    LocalNorm,
    Net,
    Pool,
    Step,
    groups_of,
    steps,
)

Shape: TypeAlias = tuple[int, ...]
STATISTICS = ("running_mean", "running_var")  # of batch norm: stored, not learned


def tensors(of: Net | Block | Step) -> Iterator[tuple[str, Shape]]:
    """Yield name and shape of every tensor that a model stores, of each operator the weight first.

    Those of a whole network are the entries of the built module's state dict, less batch norm's
    counter of batches.
    """
    for step in steps(of) if isinstance(of, Net) else of.steps:
        match step.op:
            case Conv() as conv:
                fan_in = step.input.channels // groups_of(conv, step.input.channels)
                yield f"{step.at}.conv.weight", (conv.out, fan_in, *conv.kernel)
                if conv.bias:
                    yield f"{step.at}.conv.bias", (conv.out,)
                if conv.norm:
                    gamma = ("weight",) if conv.norm.gamma else ()
                    for part in (*gamma, "bias", *STATISTICS):
                        yield f"{step.at}.bn.{part}", (conv.out,)
            case Linear(out):
                yield f"{step.at}.fc.weight", (out, prod((step.input.channels, *step.input.size)))
                yield f"{step.at}.fc.bias", (out,)
            case Pool() | AdaptivePool() | GlobalPool() | LocalNorm() | Dropout():
                pass


def misfits(net: Net, found: Mapping[str, Shape]) -> list[str]:
    """Everything in which the tensors `found` differ from those of `net`, a line each."""
    needed = dict(tensors(net))
    wrong = [
        f"{name}: got {found[name]}, {net.name} needs {shape}"
        for name, shape in needed.items()
        if name in found and found[name] != shape
    ]
    wrong += [f"{name}: missing" for name in needed if name not in found]
    wrong += [f"{name}: not in {net.name}" for name in found if name not in needed]
    return sorted(wrong)
