"""What a paper prints, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inceptionkit.derive.paper.columns import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a paper's table, as printed."""

    name: str
    blocks: tuple[str, ...]  # ours that make it up; none where our network has nothing like it
    printed: Mapping[str, str]  # by column; only what is printed
    note: str = ""  # why we differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table in a paper."""

    source: str
    image: tuple[int, int, int]  # channels, height, width
    columns: tuple[Column, ...]
    notes: tuple[str, ...]
    rows: tuple[Row, ...]


def rows_of(columns: tuple[Column, ...], *rows: tuple[str, ...]) -> tuple[Row, ...]:
    """Read rows that are written as they are printed.

    Args:
        columns: of the table.
        rows: name, our blocks with spaces between them, a cell for each column ("" where none is
            printed), and maybe a note.
    """
    found = []
    for name, blocks, *cells in rows:
        note = cells.pop() if len(cells) > len(columns) else ""
        pairs = zip(columns, cells, strict=True)
        printed = {column.name: cell for column, cell in pairs if cell}
        found.append(Row(name=name, blocks=tuple(blocks.split()), printed=printed, note=note))
    return tuple(found)


def widths(cells: str) -> tuple[str, ...]:
    """Cells that stand close together: "- 64 192"; a dash is an empty one."""
    return tuple("" if cell == "-" else cell for cell in cells.split())


def module(name: str, out: str, cells: str, *rest: str) -> tuple[str, ...]:
    """Row of an inception module, which is a block of the same name."""
    return (f"inception ({name})", f"inception{name}", out, *widths(cells), *rest)
