"""The table of epochs: one header, and rows as they come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from rich.text import Text

from inceptionkit.text import percent


@dataclass(slots=True)
class EpochTable:
    """Epochs as rows below one header, in columns that fit a width."""

    width: int
    heads: list[tuple[str, int]] = field(default_factory=list)
    best: float = -1.0  # val top-1 so far

    def lines(self, row: Mapping[str, Any]) -> Iterator[Text]:
        """The header, before the first row and where other columns begin; then the row.

        Exits that have no room are left out; log.csv has all.
        """
        cells = dict(self._cells(row))
        if [head for head, _ in self.heads] != [*cells]:
            self.heads = [(head, max(len(head), len(cell), 7)) for head, cell in cells.items()]
            yield Text("  ".join(f"{head:>{width}}" for head, width in self.heads), style="bold")
        line, top1 = Text(), row["val_top1"]
        better = top1 is not None and top1 > self.best
        self.best = top1 if better else self.best
        for at, (head, width) in enumerate(self.heads):
            style = "bold green" if better and head == "val top-1" else ""
            line.append(f"{'  ' if at else ''}{cells[head]:>{width}}", style=style)
        yield line

    def _cells(self, row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        fixed = {
            "epoch": f"{row['epoch']:.2f}",
            "train loss": f"{row['train_loss']:.4f}",
            "val loss": f"{row['val_loss']:.4f}",
            "val top-1": percent(row["val_top1"]),
        }
        last = {"images/s": f"{row['images_per_second']:,.0f}"}
        if "seconds" in row:
            last["time"] = str(timedelta(seconds=round(row["seconds"])))
        yield from fixed.items()
        room = self.width - sum(max(len(head), 7) + 2 for head in (*fixed, *last)) + 2
        for key, value in row.items():
            if key.startswith("val_top1_"):
                name = key.removeprefix("val_top1_")
                room -= max(len(name), 7) + 2
                if room >= 0:
                    yield name, percent(value)
        yield from last.items()
