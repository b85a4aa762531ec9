"""What each parallel path of a network takes of its block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from inceptionkit.derive.cost import Cost, total_cost
from inceptionkit.spec import Block, Net, Signal, blocks


@dataclass(frozen=True, slots=True)
class PathCost:
    """One path: its price, and its shares of its block."""

    block: str
    path: str
    y: Signal
    cost: Cost
    params_share: float
    macs_share: float
    width_share: float  # of the channels that the block puts out


def per_path(net: Net) -> Iterator[PathCost]:
    """Yield every path of every block of the trunk that splits, in order."""
    for block in blocks(net):
        if not isinstance(block, Block) or not block.parallel or block.at.startswith("exits."):
            continue
        whole = total_cost(block.steps)
        name = block.at.removeprefix("trunk.")
        for path in block.parts:
            own = total_cost(path.steps)
            yield PathCost(
                block=name,
                path=path.at.removeprefix(f"{block.at}."),
                y=path.output,
                cost=own,
                params_share=own.params / max(1, whole.params),
                macs_share=own.macs / max(1, whole.macs),
                width_share=path.output.channels / block.output.channels,
            )
