"""`compare`: several runs on one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, asdict, dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from inceptionkit.options import Argument, Option, verb
from inceptionkit.results import Result, table
from inceptionkit.text import duration, percent, quantity

if TYPE_CHECKING:
    from inceptionkit.report.compare_page import Comparison


@dataclass(frozen=True)
class CompareRequest:
    """Which runs to compare."""

    runs: Annotated[Sequence[str | Path], Argument("Folders of finished runs, two or more.", "RUN")]
    _: KW_ONLY
    out: Annotated[
        str | Path | None,
        Option("Page to write.", "FILE.html", default="the next free compare.html"),
    ] = None


@dataclass(frozen=True, repr=False)
class CompareResult(Result):
    """Several runs beside each other.

    Attributes:
        page: the page that shows them.
        comparison: the runs, and what differs between them.
    """

    page: Path
    comparison: Comparison

    def to_json(self) -> dict[str, Any]:
        """What `compare --json` prints."""
        return {
            "page": str(self.page),
            "runs": [
                {
                    "run": str(run.folder),
                    "top1": run.result["top1"],
                    "params": run.cost.without_exits.params,
                    "macs": run.cost.without_exits.macs,
                    "seconds": run.result["seconds"],
                }
                for run in self.comparison.runs
            ],
            "differences": {name: list(row) for name, row in self.comparison.differences.items()},
            "against_first": [
                {"run": name, **asdict(row)} for name, row in self.comparison.against_first.items()
            ],
        }

    def summary(self) -> dict[str, Any]:
        """The top-1 of each run, and what differs."""
        scores = {str(run.folder): percent(run.result["top1"]) for run in self.comparison.runs}
        return scores | {"differences": [*self.comparison.differences], "page": str(self.page)}

    def _repr_html_(self) -> str:
        rows = [
            (
                run.folder,
                percent(run.result["top1"]),
                quantity(run.cost.without_exits.params),
                quantity(run.cost.without_exits.macs, "MAC"),
                duration(run.result["seconds"]),
            )
            for run in self.comparison.runs
        ]
        return table(("run", "top-1", "params", "work per image", "training"), rows)


@verb(CompareRequest)
def compare(request: CompareRequest) -> CompareResult:
    """Write one page for several runs: results, what differs in their recipes, curves, classes.

    Raises:
        RunError: there are fewer than two, one is none or has not ended, or the page cannot be
            written or is there already.
    """
    from inceptionkit.errors import RunError
    from inceptionkit.files import write_whole
    from inceptionkit.report.compare_page import compare_runs, render

    if request.out is None:
        names = (f"compare{'' if number == 1 else f'_{number}'}.html" for number in count(1))
        page = next(Path(name) for name in names if not Path(name).exists())
    elif (page := Path(request.out)).exists():
        msg = f"{page}: is there already; delete it, or choose another --out"
        raise RunError(msg)
    comparison = compare_runs([Path(run) for run in request.runs])
    write_whole(page, render(comparison))
    return CompareResult(page, comparison)
