"""`describe` and `architectures`: what networks are and cost. No torch."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from inceptionkit import records
from inceptionkit.arguments import INPUT_SIZE, POOLED_EXITS
from inceptionkit.errors import OptionError, RunError
from inceptionkit.files import write_whole
from inceptionkit.options import Argument, Option, verb
from inceptionkit.results import Result, table

if TYPE_CHECKING:
    from inceptionkit.derive.describe import Description, ListedNetwork, PaperTable
    from inceptionkit.derive.paths import PathCost
    from inceptionkit.derive.rules import Finding


@dataclass(frozen=True)
class ArchitecturesRequest:
    """`architectures` takes nothing."""


@dataclass(frozen=True, repr=False)
class ArchitecturesResult(Result):
    """The catalog.

    Attributes:
        rows: a line for each architecture and dialect.
    """

    rows: tuple[ListedNetwork, ...]

    def to_json(self) -> dict[str, Any]:
        """What `architectures --json` prints."""
        return {"architectures": records.to_json(self.rows)}

    def _repr_html_(self) -> str:
        heads = ("name", "input", "params", "macs", "says")
        return table(heads, ([getattr(row, head) for head in heads] for row in self.rows))


@verb(ArchitecturesRequest)
def architectures(_: ArchitecturesRequest) -> ArchitecturesResult:
    """List the architectures with their sizes and costs."""
    from inceptionkit.catalog import architecture, sentences
    from inceptionkit.derive.describe import listed

    rows = (listed(name, architecture(name), says) for name, says in sentences().items())
    return ArchitecturesResult(tuple(rows))


@dataclass(frozen=True)
class DescribeRequest:
    """What to describe, and what to show of it."""

    architecture: Annotated[str, Argument("Name from `architectures`, or a .json file.", "ARCH")]
    _: KW_ONLY
    input_size: Annotated[int | None, INPUT_SIZE] = None
    classes: Annotated[int | None, Option("Number of classes.", default="its own", min=2)] = None
    pooled_exits: Annotated[bool, POOLED_EXITS] = False
    paper: Annotated[bool, Option("Compare each row with the table of the paper.")] = False
    per_path: Annotated[bool, Option("Show each path's share of the cost of its block.")] = False
    rules: Annotated[bool, Option("List the papers' design rules that it breaks.")] = False
    draw: Annotated[str | Path | None, Option("Write a diagram to this file.", "FILE.svg")] = None
    paths: Annotated[bool, Option("Draw every operator instead of every block.")] = False
    out: Annotated[str | Path | None, Option("Write it, for `train --arch`.", "NEW.json")] = None


@dataclass(frozen=True, kw_only=True, repr=False)
class DescribeResult(Result):
    """A network, block by block; what was not asked for is None.

    Attributes:
        description: costs, exits and the inputs that it takes.
        paper: our rows beside the paper's.
        paths: the share of each path in its block.
        rules: design rules that it breaks.
        drawing: the diagram that was written.
        file: the architecture file that was written.
    """

    description: Description
    paper: PaperTable | None = None
    paths: tuple[PathCost, ...] | None = None
    rules: tuple[Finding, ...] | None = None
    drawing: Path | None = None
    file: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """What `describe --json` prints."""
        from inceptionkit.derive.describe import paths_to_json, rules_to_json

        more = {
            "paper": records.to_json(self.paper),
            "paths": self.paths and paths_to_json(self.paths),
            "rules": self.rules and rules_to_json(self.rules),
            "drawing": self.drawing and str(self.drawing),
            "file": self.file and str(self.file),
        }
        return self.description.to_json() | {k: v for k, v in more.items() if v is not None}

    def _repr_html_(self) -> str:
        from inceptionkit.derive.diagram import draw

        return draw(self.description.cost.net)


@verb(DescribeRequest)
def describe(request: DescribeRequest) -> DescribeResult:
    """Show an architecture block by block: shapes, parameters, work, memory, receptive field.

    Raises:
        UnknownNameError: there is no such architecture.
        SpecError: the file is no architecture, or the network does not fit the input.
        RunError: the diagram or the architecture cannot be written, or its file is there already.
    """
    from inceptionkit.catalog import CATALOG, architecture, find, write_new
    from inceptionkit.derive.describe import description, paper_table
    from inceptionkit.derive.diagram import draw
    from inceptionkit.derive.paths import per_path
    from inceptionkit.derive.rules import review

    if request.paths and request.draw is None:
        msg = "--paths only applies with --draw FILE.svg"
        raise OptionError(msg)
    name, pooled = request.architecture, request.pooled_exits
    net = find(name, classes=request.classes, side=request.input_size, pooled_exits=pooled)
    paper = None
    if request.paper:
        stem, _, dialect = net.name.partition(":")
        paper = paper_table(net, architecture(stem), CATALOG[stem].sentences().get(dialect))
    if (drawing := None if request.draw is None else Path(request.draw)) is not None:
        if drawing.exists():
            msg = f"{drawing}: is there already; delete it, or choose another --draw"
            raise RunError(msg)
        write_whole(drawing, draw(net, paths=request.paths))
    if (out := None if request.out is None else Path(request.out)) is not None:
        write_new(out, net)
    return DescribeResult(
        description=description(find(name, pooled_exits=pooled), net),
        paper=paper,
        paths=tuple(per_path(net)) if request.per_path else None,
        rules=review(net) if request.rules else None,
        drawing=drawing,
        file=out,
    )
