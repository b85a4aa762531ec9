"""`report`: the page of a finished run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from inceptionkit.options import Argument, verb
from inceptionkit.results import Result, embedded_page


@dataclass(frozen=True)
class ReportRequest:
    """Which run to report on."""

    run: Annotated[str | Path, Argument("Folder of a finished run.", "RUN")]


@dataclass(frozen=True, repr=False)
class ReportResult(Result):
    """A page.

    Attributes:
        page: where it is.
    """

    page: Path

    def to_json(self) -> dict[str, Any]:
        """What `report --json` prints."""
        return {"page": str(self.page)}

    def _repr_html_(self) -> str:
        return embedded_page(self.page)


@verb(ReportRequest)
def report(request: ReportRequest) -> ReportResult:
    """Rebuild the self-contained HTML report of a finished run.

    The pictures come from the images themselves; where these are gone the page goes without.

    Raises:
        RunError: there is no run, or it has not ended.
    """
    from inceptionkit.report.run_page import report as write

    return ReportResult(write(Path(request.run)))
