"""Our rows beside those that the papers print: a file per paper, each a table as printed there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from inceptionkit.derive.paper.bn_inception import BN_INCEPTION
from inceptionkit.derive.paper.columns import Value, parts_of
from inceptionkit.derive.paper.googlenet import GOOGLENET
from inceptionkit.derive.paper.rethinking import INCEPTION_V2, INCEPTION_V3
from inceptionkit.derive.paper.table import Row, Table
from inceptionkit.errors import SpecError, UnknownNameError
from inceptionkit.spec import Net

TABLES: Mapping[str, Table] = MappingProxyType(
    {
        "googlenet": GOOGLENET,
        "bn_inception": BN_INCEPTION,
        "inception_v2": INCEPTION_V2,
        "inception_v3": INCEPTION_V3,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A printed row and ours."""

    row: Row
    ours: Mapping[str, Value]  # by column; of those that the row prints, and those always said
    differs: tuple[str, ...]  # columns in which it is not what is printed

    @property
    def agrees(self) -> bool:
        """Whether all that is printed is what we have."""
        return not self.differs


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A paper's table beside a network."""

    table: Table
    rows: tuple[Compared, ...]


def beside_paper(net: Net) -> Comparison:
    """Compare `net` with the table of its paper.

    Raises:
        UnknownNameError: no table is kept for it.
        SpecError: `net` has another input than the table.
    """
    name = net.name.partition(":")[0]
    if name not in TABLES:
        msg = f"no paper's table is kept for {net.name!r}; there are those of {', '.join(TABLES)}"
        raise UnknownNameError(msg)
    table = TABLES[name]
    if net.image != table.image:
        msg = (
            f"{net.name}: the paper's table is for {table.image[1]}x{table.image[2]} pixels; "
            "leave out --input"
        )
        raise SpecError(msg)
    return Comparison(table=table, rows=tuple(compared(net, table)))


def compared(net: Net, table: Table) -> Iterator[Compared]:
    """Yield ours beside each row; what `net` lacks is "none"."""
    found = parts_of(net)
    for row in table.rows:
        parts = [found[at] for at in row.blocks if at in found]
        read = [c for c in table.columns if c.name in row.printed or (parts and c.always)]
        ours = {column.name: column.read(parts) if parts else "none" for column in read}
        differs = tuple(
            column.name
            for column in read
            if not (parts and column.agrees(ours[column.name], row.printed.get(column.name, "")))
        )
        yield Compared(row=row, ours=ours, differs=differs)


__all__ = ["TABLES", "Compared", "Comparison", "Row", "Table", "beside_paper"]
