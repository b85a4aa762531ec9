"""`compare`: several runs on one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from inceptionkit.options import Argument, Option, verb
from inceptionkit.results import Result, table

if TYPE_CHECKING:
    from inceptionkit.report.comparison import Comparison


@dataclass(frozen=True)
class CompareRequest:
    """Which runs to compare."""

    runs: Annotated[
        Sequence[str | Path], Argument("Folders of finished runs, two or more.", "RUN...")
    ]
    _: KW_ONLY
    out: Annotated[str | Path, Option("Page to write.", "FILE.html")] = "compare.html"


@dataclass(frozen=True, repr=False)
class CompareResult(Result):
    """Several runs beside each other.

    Attributes:
        page: the page that shows them.
        content: what is on it.
    """

    page: Path
    content: Comparison

    def to_json(self) -> dict[str, Any]:
        """What `compare --json` prints."""
        return {
            "page": str(self.page),
            "runs": [
                {"run": r.name, "top1": r.top1, "params": r.params, "macs": r.macs}
                | {"seconds": r.seconds}
                for r in self.content.runs
            ],
            "differences": {row.name: list(row.values) for row in self.content.differences},
            "against_first": [asdict(row) for row in self.content.against_first],
        }

    def _repr_html_(self) -> str:
        rows = self.to_json()["runs"]
        return table([*rows[0]], [row.values() for row in rows])


@verb(CompareRequest)
def compare(request: CompareRequest) -> CompareResult:
    """Write one page for several runs: results, what differs in their recipes, curves, classes.

    Raises:
        RunError: there are fewer than two, one is none or has not ended, or the page cannot be
            written.
    """
    from inceptionkit.files import write_whole
    from inceptionkit.report.compare_page import render
    from inceptionkit.report.compare_runs import comparison

    content, page = comparison([Path(run) for run in request.runs]), Path(request.out)
    write_whole(page, render(content))
    return CompareResult(page, content)
