"""`describe` and `architectures`: what networks are and cost. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from inceptionkit.api.arguments import INPUT_SIZE, POOLED_EXITS
from inceptionkit.derive.describe import Description, description, listing
from inceptionkit.derive.diagram import draw
from inceptionkit.derive.readings import paper_as_json, paths_as_json, rules_as_json
from inceptionkit.errors import OptionError
from inceptionkit.files import write_whole
from inceptionkit.options import Argument, Option, verb
from inceptionkit.results import Result, table


@dataclass(frozen=True)
class ArchitecturesRequest:
    """`architectures` takes nothing."""


@dataclass(frozen=True, repr=False)
class ArchitecturesResult(Result):
    """The catalog.

    Attributes:
        rows: name, input, params, macs, exits and a sentence of each architecture and dialect.
    """

    rows: Sequence[Mapping[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """What `architectures --json` prints."""
        return {"architectures": list(self.rows)}

    def _repr_html_(self) -> str:
        heads = ("name", "input", "params", "macs", "says")
        return table(heads, ([row[head] for head in heads] for row in self.rows))


@verb(ArchitecturesRequest)
def architectures(_: ArchitecturesRequest) -> ArchitecturesResult:
    """List the architectures with their sizes and costs."""
    return ArchitecturesResult(listing())


@dataclass(frozen=True)
class DescribeRequest:
    """What to describe, and what to show of it."""

    architecture: Annotated[
        str, Argument("Architecture, as `list` names it, or its .json file.", "ARCH")
    ]
    _: KW_ONLY
    input_size: Annotated[int | None, INPUT_SIZE] = None
    classes: Annotated[int | None, Option("Number of classes.", default="its own", min=2)] = None
    pooled_exits: Annotated[bool, POOLED_EXITS] = False
    paper: Annotated[bool, Option("Compare each row with the table of the paper.")] = False
    per_path: Annotated[bool, Option("Show the share of each path in the cost of its block.")] = (
        False
    )
    rules: Annotated[bool, Option("List the papers' design rules that it breaks.")] = False
    draw: Annotated[str | Path | None, Option("Write a diagram to this file.", "FILE.svg")] = None
    paths: Annotated[bool, Option("Draw every operator instead of every block.")] = False
    flow: Annotated[Literal["right", "down"], Option("Direction of the diagram.")] = "right"
    theme: Annotated[Literal["auto", "light", "dark"], Option("Colors of the diagram.")] = "auto"


@dataclass(frozen=True, kw_only=True, repr=False)
class DescribeResult(Result):
    """A network, block by block.

    Attributes:
        description: costs, exits and the inputs that it takes.
        paper: our rows beside the paper's; None unless asked for, as the next two.
        paths: the share of each path in its block.
        rules: design rules that it breaks.
        drawing: the diagram that was written.
    """

    description: Description
    paper: Mapping[str, Any] | None = None
    paths: Sequence[Mapping[str, Any]] | None = None
    rules: Sequence[Mapping[str, Any]] | None = None
    drawing: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """What `describe --json` prints."""
        more: dict[str, Any] = {"paper": self.paper, "paths": self.paths, "rules": self.rules}
        more |= {"drawing": self.drawing and str(self.drawing)}
        told = self.description.as_json()
        return told | {key: value for key, value in more.items() if value is not None}

    def _repr_html_(self) -> str:
        return draw(self.description.cost.net)


@verb(DescribeRequest)
def describe(request: DescribeRequest) -> DescribeResult:
    """Show an architecture block by block: shapes, parameters, work, memory, receptive field.

    Raises:
        UnknownNameError: there is no such architecture.
        SpecError: the file is no architecture, or the network does not fit the input.
        RunError: the diagram cannot be written.
    """
    if request.paths and request.draw is None:
        msg = "--paths only applies with --draw FILE.svg"
        raise OptionError(msg)
    found = description(
        request.architecture,
        side=request.input_size,
        classes=request.classes,
        pooled_exits=request.pooled_exits,
    )
    net = found.cost.net
    file = None if request.draw is None else Path(request.draw)
    if file is not None:
        write_whole(file, draw(net, paths=request.paths, flow=request.flow, theme=request.theme))
    return DescribeResult(
        description=found,
        paper=paper_as_json(net) if request.paper else None,
        paths=paths_as_json(net) if request.per_path else None,
        rules=rules_as_json(net) if request.rules else None,
        drawing=file,
    )
