"""What a network costs, for one image. No torch: the numbers follow from the spec."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from inceptionkit.spec import Block, Dropout, Exit, Net, Signal, Step, blocks, tensors
from inceptionkit.spec.walk import STATISTICS

_BYTES_PER_CELL = 4  # float32


@dataclass(frozen=True, slots=True)
class Cost:
    """Price of one step, or of many: prices add."""

    params: int = 0  # learnable scalars; running statistics are not counted
    macs: int = 0  # multiply-accumulates of convolution and linear layers, batch 1
    cells: int = 0  # output scalars: what training keeps, in elements

    @property
    def output_bytes(self) -> int:
        """What the outputs take for one image, in float32."""
        return self.cells * _BYTES_PER_CELL

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.params + other.params, self.macs + other.macs, self.cells + other.cells)


def step_cost(step: Step) -> Cost:
    """Price one operator. Norms, ReLU, pooling and biases cost no MACs."""
    if isinstance(step.op, Dropout):
        return Cost()
    learned = [prod(shape) for name, shape in tensors(step) if not name.endswith(STATISTICS)]
    weights = learned[0] if learned else 0
    return Cost(sum(learned), weights * prod(step.output.size), step.output.cells)


def total_cost(run: Iterable[Step]) -> Cost:
    """Add up the price of some steps."""
    prices = [step_cost(step) for step in run]
    return Cost(*(sum(getattr(one, key) for one in prices) for key in ("params", "macs", "cells")))


@dataclass(frozen=True, slots=True)
class BlockCost:
    """One line of the cost table."""

    at: str
    output: Signal
    cost: Cost
    live_cells: int  # most scalars alive at once while it answers, its input among them

    @property
    def activation_bytes(self) -> int:
        """Peak memory of the activations of one image while this block answers, in float32."""
        return self.live_cells * _BYTES_PER_CELL

    @property
    def training_bytes(self) -> int:
        """What training keeps of this block for one image, in float32."""
        return self.cost.output_bytes


@dataclass(frozen=True, slots=True)
class ExitCost:
    """What it costs to answer at an exit."""

    exit: Exit
    own: Cost  # its head alone
    macs_to_here: int  # trunk up to its block, and its own head
    saves_at_most: float  # share of the whole answer's MACs, were every image to stop here


@dataclass(frozen=True, slots=True)
class NetCost:
    """What a network costs for one image."""

    net: Net
    blocks: tuple[BlockCost, ...]  # trunk and head, in order
    exits: tuple[ExitCost, ...]  # in trunk order
    without_exits: Cost  # trunk and head
    with_exits: Cost
    peak_cells: int  # most scalars alive at once when answering, without exits
    receptive_field: tuple[int, int]  # of the last trunk block, (height, width) in pixels

    @property
    def activation_bytes(self) -> int:
        """Peak memory of the activations of one image when answering, in float32."""
        return self.peak_cells * _BYTES_PER_CELL

    @property
    def training_bytes(self) -> int:
        """What the outputs of all operators take for one image in training, in float32."""
        return self.with_exits.output_bytes


def cost(net: Net) -> NetCost:
    """Price `net` block by block.

    Returns:
        Exact counts; MACs are those of convolution and linear layers, as the papers count
        "multiply-adds".
    """
    lines: list[BlockCost] = []
    heads: list[tuple[Exit, Cost, int]] = []
    answer, on_exits, view = Cost(), Cost(), (1, 1)
    by_name = {e.name: e for e in net.exits}
    for block in blocks(net):
        own = total_cost(block.steps)
        part, _, name = block.at.partition(".")
        if part == "exits":
            heads.append((by_name[name], own, answer.macs + own.macs))
            on_exits += own
            continue
        lines.append(BlockCost(block.at.removeprefix("trunk."), block.output, own, live(block)))
        answer += own
        view = block.output.receptive_field if part == "trunk" else view
    whole = max(1, answer.macs)
    exits = tuple(ExitCost(e, own, to_here, 1 - to_here / whole) for e, own, to_here in heads)
    peak = max(line.live_cells for line in lines)
    return NetCost(
        net, tuple(lines), exits, answer, answer + on_exits, peak_cells=peak, receptive_field=view
    )


def live(block: Block | Step, held: int = 0) -> int:
    """Most scalars alive at once inside `block`: inputs, finished paths and what is being made.

    Args:
        block: of the walk.
        held: scalars of its input that stay alive for others once `block` has read them.
    """
    if isinstance(block, Step):
        return block.input.cells + (0 if isinstance(block.op, Dropout) else block.output.cells)
    if not block.parallel:
        firsts = [live(part, held) for part in block.parts[:1]]
        return max([*firsts, *(held + live(part) for part in block.parts[1:])], default=held)
    done, peak = 0, 0
    for number, path in enumerate(block.parts, 1):
        waited_for = block.input.cells if number < len(block.parts) else held
        peak = max(peak, done + live(path, waited_for))
        done += path.output.cells
    return max(peak, held + done + block.output.cells)
