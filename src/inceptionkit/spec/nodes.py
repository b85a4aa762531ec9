"""What an Inception network is, as plain data.

Standard library only. Sizes are (height, width) in cells; channels are counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

from inceptionkit.errors import SpecError, did_you_mean

Pair: TypeAlias = tuple[int, int]
ConvPadding: TypeAlias = Literal["same", "valid", "tensorflow"] | int
Padding: TypeAlias = ConvPadding | Literal["ceil"]


SIDES = ("height", "width")
LEAST = {"out": 1, "kernel": 1, "grid": 1, "stride": 1, "groups": 1, "padding": 0}  # counts
LONGEST_SIDE = 2**14
"""Most cells of an image, a window or a grid in either direction: 16,384."""
_SHOWN = 20  # blocks and exits in a repr
MOST_CHANNELS = 2**24
"""Most outputs of one operator: 16.8 million."""


class _Counted:
    """An operator that has some of these counts; words stand for counts that make sense."""

    __slots__ = ()

    def __post_init__(self) -> None:
        for name, least in LEAST.items():
            value: Any = getattr(self, name, least)
            counts = zip(SIDES, value, strict=True) if isinstance(value, tuple) else [(name, value)]
            for part, count in counts:
                most = MOST_CHANNELS if name in {"out", "groups"} else LONGEST_SIDE
                if isinstance(count, int) and not least <= count <= most:
                    bound = f"at least {least}" if count < least else f"at most {most:,}"
                    msg = f"{type(self).__name__}: {part} must be {bound}, got {count}"
                    raise SpecError(msg)


@dataclass(frozen=True, slots=True)
class Init:
    """First weights of one operator, where a paper or its code states them.

    Without `std` the standard deviation is (gain / fan-in) ** 0.5: gain 2 is He's
    (arXiv:1502.01852), gain 1 with "uniform" Caffe's "xavier". "truncated" is normal within two
    standard deviations and nothing beyond; what remains spreads 0.88 times as wide as stated.
    """

    distribution: Literal["normal", "truncated", "uniform"] = "normal"
    std: float | None = None
    gain: float = 2.0
    bias: float = 0.0


@dataclass(frozen=True, slots=True)
class BatchNorm:
    """Normalization over the batch, with learnable gamma and beta (arXiv:1502.03167).

    `eps` is added to the variance; every network that Google released uses 1e-3. TF-slim and Keras
    leave gamma out: a ReLU and a linear layer follow, which make it redundant.
    """

    eps: float = 1e-3
    gamma: bool = True


@dataclass(frozen=True, slots=True)
class Conv(_Counted):
    """Convolution, then batch norm if `norm` is given, then ReLU if `relu`.

    "same" pads `kernel // 2` on every side, "valid" nothing, a number that many cells; "tensorflow"
    gives ceil(size / stride) windows and puts an odd padded cell on the right and at the bottom.
    `groups` divides the channels, in and out, into as many unconnected parts; "each" gives every
    input channel its own (depthwise). `classifier` marks the operator whose `out` is the number of
    classes. `init` is None where nobody states it: the package then chooses.
    """

    TAG: ClassVar[str] = "conv"

    out: int
    kernel: Pair = (1, 1)
    stride: int = 1
    padding: ConvPadding = "same"
    norm: BatchNorm | None = BatchNorm()
    bias: bool = False
    relu: bool = True
    classifier: bool = False
    groups: int | Literal["each"] = 1
    init: Init | None = None


@dataclass(frozen=True, slots=True)
class Pool(_Counted):
    """Spatial pooling; "ceil" pads nothing and lets the last window hang over, as Caffe does.

    The other paddings are those of `Conv`. An average divides by the cells of its window; those
    padded count, as zeros, unless `count_padding` is false (TensorFlow, Keras).
    """

    TAG: ClassVar[str] = "pool"

    kind: Literal["max", "avg"]
    kernel: Pair = (3, 3)
    stride: int = 1
    padding: Padding = "same"
    count_padding: bool = True

    def __post_init__(self) -> None:
        _Counted.__post_init__(self)
        if isinstance(self.padding, int) and self.padding > min(self.kernel) // 2:
            msg = f"Pool: padding must be at most half the window, got {self.padding}"
            raise SpecError(msg)


@dataclass(frozen=True, slots=True)
class AdaptivePool(_Counted):
    """Average that always leaves a grid of this size; windows overlap where they must.

    Window i of n covers cells floor(i * size / n) up to ceil((i + 1) * size / n), as in torch.
    """

    TAG: ClassVar[str] = "adaptive_pool"

    grid: Pair


@dataclass(frozen=True, slots=True)
class LocalNorm:
    """Local response normalization across channels (AlexNet, section 3.3).

    y = x / (k + alpha / size * sum of x^2 over `size` neighboring channels) ^ beta
    """

    TAG: ClassVar[str] = "local_norm"

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0


@dataclass(frozen=True, slots=True)
class GlobalPool:
    """Average over the whole grid, whatever its size."""

    TAG: ClassVar[str] = "global_pool"


@dataclass(frozen=True, slots=True)
class Dropout:
    """Zero each value with probability `p` while training."""

    TAG: ClassVar[str] = "dropout"

    p: float


@dataclass(frozen=True, slots=True)
class Linear(_Counted):
    """Fully connected layer with bias, on the flattened input; ReLU follows if `relu`."""

    TAG: ClassVar[str] = "linear"

    out: int
    relu: bool = False
    classifier: bool = False
    init: Init | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """Named paths that read the same input; outputs are joined on channels, in order."""

    TAG: ClassVar[str] = "split"

    paths: Named


Op: TypeAlias = Conv | Pool | AdaptivePool | LocalNorm | GlobalPool | Dropout | Linear
Node: TypeAlias = "Op | Split | tuple[Node, ...]"
Named: TypeAlias = tuple[tuple[str, Node], ...]


def named(**nodes: Node) -> Named:
    """Freeze keyword arguments, keeping the order in which they were written."""
    return tuple(nodes.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """A classifier on the trunk: auxiliary loss in training, early exit in use."""

    name: str
    after: str  # the trunk block it reads
    head: Node
    loss_weight: float  # of the paper; a recipe may override it


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Net:
    """A classifier: a trunk of named blocks, a head, and any number of exits."""

    name: str
    source: str  # paper, section and table, or where else it comes from
    image: tuple[int, int, int]  # channels, height, width
    trunk: Named
    head: Node
    exits: tuple[Exit, ...] = ()

    def __repr__(self) -> str:
        """A few lines, whatever its size: `describe` shows all of it."""
        blocks = [name for name, _ in self.trunk]
        if len(blocks) > _SHOWN:
            blocks = [*blocks[: _SHOWN - 1], "...", blocks[-1]]
        exits = ", ".join(f"{one.name} after {one.after}" for one in self.exits[:_SHOWN])
        more = ", ..." if len(self.exits) > _SHOWN else ""
        return (
            f"Net {self.name!r} ({self.source})\n"
            f"    image: {'x'.join(map(str, self.image))}\n"
            f"    trunk: {len(self.trunk)} blocks, {', '.join(blocks)}\n"
            f"    exits: {exits or 'none'}{more}"
        )

    def __post_init__(self) -> None:
        channels, *sides = self.image
        if not 1 <= channels <= MOST_CHANNELS or not 1 <= min(sides) <= max(sides) <= LONGEST_SIDE:
            size = "x".join(map(str, sides))
            msg = f"{self.name}: an image has a channel and 1 to {LONGEST_SIDE:,} cells each way"
            msg += f", got {channels} of {size}"
            raise SpecError(msg)
        blocks = [name for name, _ in self.trunk]
        for name in (*blocks, *(exit_.name for exit_ in self.exits)):
            if not name.isidentifier():
                msg = f"{self.name}: a block or exit must be named like a variable, got {name!r}"
                raise SpecError(msg)
        if len(set(blocks)) < len(blocks) or len({e.name for e in self.exits}) < len(self.exits):
            msg = f"{self.name}: two blocks or two exits have the same name"
            raise SpecError(msg)
        for exit_ in self.exits:
            if exit_.after not in blocks:
                hint = did_you_mean(exit_.after, blocks)
                msg = (
                    f"{self.name}: exit {exit_.name!r} hangs after {exit_.after!r}, "
                    f"which is no block of the trunk; {hint}"
                )
                raise SpecError(msg)
