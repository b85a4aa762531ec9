"""Our rows beside those that the papers print."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType

from inception.derive.cost import cost
from inception.derive.tensors import tensors
from inception.errors import SpecError, UnknownNameError, did_you_mean
from inception.spec import Net, Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a paper's table, as printed."""

    name: str
    blocks: tuple[str, ...]  # ours that make it up
    out: tuple[int, int, int]  # channels, height, width
    params: str = ""  # as printed; "" where the row is empty
    macs: str = ""
    note: str = ""  # why we differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of costs in a paper."""

    source: str
    image: tuple[int, int, int]  # channels, height, width
    units: Mapping[str, int]  # what the letters of the params column stand for
    notes: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A printed row and ours."""

    row: Row
    y: Signal
    weights: int  # of convolution and linear layers; no biases, no norms
    macs: int
    out_agrees: bool
    params_agree: bool
    macs_agree: bool

    @property
    def agrees(self) -> bool:
        """Whether all that is printed is what we have."""
        return self.out_agrees and self.params_agree and self.macs_agree


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A paper's table beside a network."""

    table: Table
    rows: tuple[Compared, ...]


def module(name: str, out: tuple[int, int, int], params: str, macs: str, note: str = "") -> Row:
    """One inception row of GoogLeNet's table."""
    return Row(
        name=f"inception ({name})",
        blocks=(f"inception{name}",),
        out=out,
        params=params,
        macs=macs,
        note=note,
    )


OTHER_WIDTHS = (
    "the printed MACs follow from the printed widths, the printed parameters do not; "
    "presumably that column was computed for slightly other widths"
)

GOOGLENET = Table(
    source='"Going Deeper with Convolutions", arXiv:1409.4842, table 1',
    image=(3, 224, 224),
    units=MappingProxyType({"K": 1024, "M": 1_000_000}),
    notes=(
        'K is 1,024 weights without biases, and an "op" a multiply-accumulate',
        "AlexNet's 60,965,224 parameters are 8.7 times as many, not the 12 times of the text",
    ),
    rows=(
        Row(
            name="convolution 7x7/2",
            blocks=("conv1",),
            out=(64, 112, 112),
            params="2.7K",
            macs="34M",
            note="2,712 weights and 34.0 M are those of a separable layer of depth multiplier 8, "
            "as the batch norm paper describes its first layer; every published GoogLeNet is dense",
        ),
        Row(name="max pool 3x3/2", blocks=("pool1",), out=(64, 56, 56)),
        Row(
            name="convolution 3x3/1",
            blocks=("conv2", "conv3"),
            out=(192, 56, 56),
            params="112K",
            macs="360M",
        ),
        Row(name="max pool 3x3/2", blocks=("pool2",), out=(192, 28, 28)),
        module("3a", (256, 28, 28), "159K", "128M"),
        module("3b", (480, 28, 28), "380K", "304M"),
        Row(name="max pool 3x3/2", blocks=("pool3",), out=(480, 14, 14)),
        module("4a", (512, 14, 14), "364K", "73M", OTHER_WIDTHS),
        module("4b", (512, 14, 14), "437K", "88M"),
        module("4c", (512, 14, 14), "463K", "100M", OTHER_WIDTHS),
        module("4d", (528, 14, 14), "580K", "119M", OTHER_WIDTHS),
        module("4e", (832, 14, 14), "840K", "170M", OTHER_WIDTHS),
        Row(name="max pool 3x3/2", blocks=("pool4",), out=(832, 7, 7)),
        module(
            "5a",
            (832, 7, 7),
            "1072K",
            "54M",
            "the printed widths give 1018K and 51.1 M; presumably both are of a wider module",
        ),
        module("5b", (1024, 7, 7), "1388K", "71M", OTHER_WIDTHS),
        Row(
            name="average pool, linear",
            blocks=("head",),
            out=(1000, 1, 1),
            params="1000K",
            macs="1M",
        ),
    ),
)

TABLES: Mapping[str, Table] = MappingProxyType({"googlenet": GOOGLENET})


def beside_paper(net: Net) -> Comparison:
    """Compare `net` with the table of its paper.

    Raises:
        UnknownNameError: no table is kept for it, or a row of the table is no block of `net`.
        SpecError: `net` has another input, or other classes, than the table.
    """
    name = net.name.partition(":")[0]
    if name not in TABLES:
        msg = f"no paper's table is kept for {net.name!r}; {did_you_mean(name, TABLES)}"
        raise UnknownNameError(msg)
    table = TABLES[name]
    rows = tuple(compared(net, table))
    if net.image != table.image or rows[-1].y.channels != table.rows[-1].out[0]:
        msg = (
            f"{net.name}: the paper's table is for {table.image[1]}x{table.image[2]} pixels and "
            f"{table.rows[-1].out[0]} classes; leave out --input and --classes"
        )
        raise SpecError(msg)
    return Comparison(table=table, rows=rows)


def compared(net: Net, table: Table) -> Iterator[Compared]:
    """Yield ours beside each row."""
    priced = {line.at: line for line in cost(net).blocks}
    weights = weights_by_block(net)
    for row in table.rows:
        if missing := [block for block in row.blocks if block not in priced]:
            msg = f"{net.name}: has no block {missing[0]!r}; {did_you_mean(missing[0], priced)}"
            raise UnknownNameError(msg)
        ours = sum(weights.get(block, 0) for block in row.blocks)
        macs = sum(priced[block].cost.macs for block in row.blocks)
        y = priced[row.blocks[-1]].y
        yield Compared(
            row=row,
            y=y,
            weights=ours,
            macs=macs,
            out_agrees=(y.channels, *y.size) == row.out,
            params_agree=same(ours, row.params, table.units),
            macs_agree=same(macs, row.macs, table.units),
        )


def same(ours: int, printed: str, units: Mapping[str, int]) -> bool:
    """Whether `ours` is what is printed, to one unit of its last digit; rows may be empty.

    >>> same(388_096, "380K", {"K": 1024}), same(1_018_000, "1072K", {"K": 1000}), same(0, "", {})
    (True, False, True)
    """
    if not printed:
        return ours == 0
    number, unit = printed[:-1], units[printed[-1]]
    digits = len(number.partition(".")[2])
    return bool(abs(ours / unit - float(number)) <= 10**-digits)


def weights_by_block(net: Net) -> dict[str, int]:
    """Weights of convolution and linear layers: tensors of two dimensions or more."""
    found: dict[str, int] = {}
    for name, shape in tensors(net):
        part, block = name.split(".")[:2]
        if len(shape) > 1:
            key = block if part == "trunk" else part
            found[key] = found.get(key, 0) + prod(shape)
    return found
