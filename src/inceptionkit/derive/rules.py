"""Design rules of "Rethinking the Inception Architecture" (arXiv:1512.00567), as checks of a trunk.

They warn, they do not forbid: GoogLeNet breaks several. The paper states its principles in words;
where a rule needs a number, the number is ours unless the text beside it says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise

from inceptionkit.derive.cost import total_cost
from inceptionkit.spec import Block, Conv, Dropout, LocalNorm, Net, Pool, Step, blocks
from inceptionkit.text import percent, whole_percent

_LEAST_KEPT = 0.26  # of the scalars, over a halving of the grid: a pool keeps 1/4, figure 10 half
_LEAST_REDUCED = 1 / 16  # of the channels, by a 1x1; GoogLeNet 4a's 5x5 path keeps 1/30
WIDE = 128  # channels from which a window over more than one cell should be preceded by a 1x1
_ONE_STAGE = 2 / 3  # of the trunk's MACs
_CHANNELS_PER_LAYER = (12, 100)  # AlexNet, NIN, VGG, GoogLeNet and Inception-v3 lie in 24 to 51
_ASYMMETRIC_GRID = (12, 20)  # cells a side; section 3.2
_WIDTH_STEP = 8  # channels


@dataclass(frozen=True, slots=True)
class Remark:
    """What a rule has to say about one place."""

    at: str  # address of the block or operator
    says: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A principle, why it holds, where it stands, and the places of a network that break it."""

    name: str
    reason: str
    source: str
    broken_by: Callable[[Net], Iterator[Remark]]


@dataclass(frozen=True, slots=True)
class Finding:
    """A remark and the rule that makes it."""

    rule: Rule
    at: str
    says: str


def review(net: Net) -> tuple[Finding, ...]:
    """Everything that the rules have to say about the trunk of `net`, rule by rule."""
    return tuple(
        Finding(rule, remark.at, remark.says) for rule in RULES for remark in rule.broken_by(net)
    )


def trunk(net: Net) -> list[Block | Step]:
    """Blocks of the trunk that change the signal: no lone norms, no dropout."""
    return [
        block
        for block in blocks(net)
        if block.at.startswith("trunk.")
        and not all(isinstance(step.op, LocalNorm | Dropout) for step in block.steps)
    ]


def bottleneck(net: Net) -> Iterator[Remark]:
    """Compare what leaves a halving with what entered the block before it, which may widen."""
    chain = trunk(net)
    for before, block in zip([None, *chain], chain, strict=False):
        if block.output.size == block.input.size:
            continue
        entered = min(block.input.cells, before.input.cells if before else block.input.cells)
        kept = block.output.cells / entered
        if kept < _LEAST_KEPT:
            yield Remark(
                block.at, f"keeps {whole_percent(kept)} of {entered:,} scalars; widen before it"
            )


def _extreme_compression(net: Net) -> Iterator[Remark]:
    """Look at each 1x1 that narrows what a larger window reads next."""
    for chain in _chains(net):
        for first, then in pairwise(chain.parts):
            if (
                not isinstance(first, Step)
                or not _is_conv(first, area=1)
                or not _reads_around(then)
            ):
                continue
            kept = first.output.channels / first.input.channels
            if kept < _LEAST_REDUCED:
                yield Remark(
                    first.at,
                    f"1x1: {first.input.channels} to {first.output.channels} channels "
                    f"({percent(kept)}); "
                    f"at least {-(-first.input.channels // round(1 / _LEAST_REDUCED))} would do",
                )


def aggregation(net: Net) -> Iterator[Remark]:
    """Look for windows that read all channels of a wide block input."""
    for block in trunk(net):
        for step in block.steps:
            wide = step.input.channels >= max(WIDE, block.input.channels)
            if wide and isinstance(step.op, Conv) and step.op.groups == 1 and _reads_around(step):
                yield Remark(
                    step.at,
                    f"{window(step.op)} over all {step.input.channels} channels; a 1x1 before it "
                    "would make it cheaper",
                )


def balance(net: Net) -> Iterator[Remark]:
    """Compare the stages' shares of the work, and the width with the depth."""
    chain = trunk(net)
    whole = total_cost(step for block in chain for step in block.steps).macs
    for (height, width), stage in groupby(chain, key=lambda block: block.output.size):
        run = list(stage)
        share = total_cost(step for block in run for step in block.steps).macs / max(1, whole)
        if share > _ONE_STAGE:
            yield Remark(
                run[0].at,
                f"{whole_percent(share)} of the trunk's MACs on the {height}x{width} grid",
            )
    depth = sum(map(layers, chain))
    low, high = _CHANNELS_PER_LAYER
    if chain and depth and not low <= (ratio := chain[-1].output.channels / depth) <= high:
        advice = "shallow for its width" if ratio > high else "narrow for its depth"
        yield Remark(
            chain[-1].at,
            f"{chain[-1].output.channels} channels after {depth} layers is {advice}",
        )


def _asymmetry(net: Net) -> Iterator[Remark]:
    """Look at each 1xn that an nx1 follows, or the reverse."""
    low, high = _ASYMMETRIC_GRID
    for chain in _chains(net):
        for first, then in pairwise(chain.parts):
            if not isinstance(first, Step) or not isinstance(then, Step):
                continue
            a, b = first.op, then.op
            if not isinstance(a, Conv) or not isinstance(b, Conv):
                continue
            factors = a.kernel == b.kernel[::-1] and min(a.kernel) == 1 < max(a.kernel)
            if factors and not low <= min(first.input.size) <= max(first.input.size) <= high:
                grid = "{}x{}".format(*first.input.size)
                yield Remark(first.at, f"{window(a)} and {window(b)} on a {grid} grid")


def _large_kernels(net: Net) -> Iterator[Remark]:
    """Compare each square window of 5 or more with the stack of 3x3 that sees as far."""
    for block in trunk(net):
        for step in block.steps:
            op = step.op
            if not isinstance(op, Conv) or op.groups != 1 or op.stride > 1 or min(op.kernel) < 5:
                continue
            one, stack = stacked(op.kernel[0], step.input.channels, op.out)
            if op.kernel[0] == op.kernel[1] and op.kernel[0] % 2 and stack < one:
                count = (op.kernel[0] - 1) // 2
                yield Remark(
                    step.at,
                    f"{window(op)}: {count} stacked 3x3 take {stack:,} weights for {one:,}",
                )


def _strided_pool(net: Net) -> Iterator[Remark]:
    """Look for pools that halve the grid with nothing beside them."""
    for block in trunk(net):
        ops = [step.op for step in block.steps if not isinstance(step.op, LocalNorm | Dropout)]
        if len(ops) == 1 and isinstance(ops[0], Pool) and ops[0].stride > 1:
            kept = block.output.cells / block.input.cells
            yield Remark(
                block.at, f"keeps {whole_percent(kept)}; put the pool beside a strided convolution"
            )


def widths(net: Net) -> Iterator[Remark]:
    """Look for convolutions whose width is no multiple of 8."""
    for block in trunk(net):
        for step in block.steps:
            if isinstance(step.op, Conv) and not step.op.classifier and step.op.out % _WIDTH_STEP:
                nearest = -(-step.op.out // _WIDTH_STEP) * _WIDTH_STEP
                yield Remark(step.at, f"{step.op.out} channels; {nearest} take the same time")


def _chains(net: Net) -> Iterator[Block]:
    """Every chain of the trunk, at any depth."""
    within: list[Block | Step] = trunk(net)
    while within:
        part = within.pop(0)
        if isinstance(part, Block):
            within[:0] = part.parts
            if not part.parallel:
                yield part


def layers(part: Block | Step) -> int:
    """Convolutions on the longest way through `part`."""
    if isinstance(part, Step):
        return int(isinstance(part.op, Conv))
    inside = [layers(each) for each in part.parts]
    return max(inside, default=0) if part.parallel else sum(inside)


def _is_conv(step: Step, *, area: int) -> bool:
    """Whether `step` is a convolution whose window covers `area` cells."""
    return isinstance(step.op, Conv) and step.op.kernel[0] * step.op.kernel[1] == area


def _reads_around(part: Block | Step) -> bool:
    """Whether the first operators of `part` are convolutions over more than one cell."""
    if isinstance(part, Step):
        return isinstance(part.op, Conv) and part.op.kernel != (1, 1)
    firsts = part.parts if part.parallel else part.parts[:1]
    return any(map(_reads_around, firsts))


def stacked(side: int, before: int, after: int) -> tuple[int, int]:
    """Weights of one `side`x`side` window, and of the stack of 3x3 that sees as far.

    The stack widens by the same factor at each step (section 3.1).

    >>> stacked(5, 64, 64)
    (102400, 73728)
    """
    count = (side - 1) // 2
    wide = [round(before * (after / before) ** (i / count)) for i in range(count + 1)]
    return side * side * before * after, sum(9 * a * b for a, b in pairwise(wide))


def window(op: Conv) -> str:
    """Say a kernel, height first."""
    return "{}x{}".format(*op.kernel)


RETHINKING, OURS = "arXiv:1512.00567", "ours"

RULES: tuple[Rule, ...] = (
    Rule(
        "representational bottleneck",
        "what one layer throws away, no later layer can use",
        f"{RETHINKING} section 2, principle 1",
        bottleneck,
    ),
    Rule(
        "extreme compression",
        "a very narrow 1x1 is a bottleneck of its path",
        f"{RETHINKING} section 2, principle 1",
        _extreme_compression,
    ),
    Rule(
        "aggregation without reduction",
        "neighboring cells are correlated, so a window can read fewer channels at little loss",
        f"{RETHINKING} section 2, principle 3",
        aggregation,
    ),
    Rule(
        "depth and width in balance",
        "the budget gains most where depth and width grow together",
        f"{RETHINKING} section 2, principle 4",
        balance,
    ),
    Rule(
        "asymmetric factorization",
        "1xn and nx1 for nxn works on grids of 12 to 20 cells, not on early layers",
        f"{RETHINKING} section 3.2",
        _asymmetry,
    ),
    Rule(
        "large windows",
        "stacked 3x3 see as far, cost less and have one more ReLU",
        f"{RETHINKING} section 3.1",
        _large_kernels,
    ),
    Rule(
        "strided pool alone",
        "pooling first makes a bottleneck, widening first costs four times as much; "
        "both are avoided by a strided convolution beside the pool",
        f"{RETHINKING} section 5",
        _strided_pool,
    ),
    Rule(
        "widths in steps of 8",
        "int8 and tensor-core kernels pad channels to a multiple of 8",
        OURS,
        widths,
    ),
)
