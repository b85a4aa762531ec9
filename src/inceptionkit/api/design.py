"""`design`: a network that meets a cost. Torch is imported only to measure times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from inceptionkit.arguments import DEVICE, LISTENER
from inceptionkit.display import SHOWN
from inceptionkit.options import Option, several, verb
from inceptionkit.progress import Listener, Silence
from inceptionkit.results import Result

if TYPE_CHECKING:
    from inceptionkit.derive.design.search import Design
    from inceptionkit.derive.design.timed import Clock
    from inceptionkit.spec import Net


@dataclass(frozen=True)
class DesignRequest:
    """What a network may cost."""

    cost: Annotated[
        Sequence[str],
        Option(
            "Limit of what one image may cost: 300MMAC, 2Mparams, 4MiB of activations, or 10ms "
            "measured here. Repeat to set several limits; all are respected.",
            "LIMIT",
            also=("--budget",),
        ),
    ]
    _: KW_ONLY
    input_size: Annotated[
        int, Option("Side of the square input, pixels.", min=1, also=("--input",))
    ]
    classes: Annotated[
        int | None, Option("Number of classes.", default="the family's own", min=2)
    ] = None
    family: Annotated[
        str | Net | None,
        Option(
            "Architecture to scale, as `architectures` lists it, or its .json file.",
            "ARCH",
            default="inception_small up to 160 pixels, googlenet:bn above",
        ),
    ] = None
    out: Annotated[
        str | Path | None,
        Option("File to write.", "FILE.json", default="named after the network"),
    ] = None
    device: Annotated[str | None, DEVICE] = None
    listener: Annotated[Listener | None, LISTENER] = SHOWN


@dataclass(frozen=True, repr=False)
class DesignResult(Result):
    """A network, and why it is this one.

    Attributes:
        file: its architecture, as `train --arch` takes it.
        design: the network, its cost and the reasons for it.
    """

    file: Path
    design: Design

    @property
    def net(self) -> Net:
        """The network."""
        return self.design.net

    def to_json(self) -> dict[str, Any]:
        """What `design --json` prints."""
        return {"file": str(self.file)} | self.design.to_json()

    def _repr_html_(self) -> str:
        from inceptionkit.derive.diagram import draw

        return draw(self.net)


@verb(DesignRequest)
def design(request: DesignRequest) -> DesignResult:
    """Scale an architecture to what it may cost to run, and write it for `train --arch`.

    Raises:
        UnknownNameError: there is no such architecture.
        SpecError: a cost cannot be read or met (the nearest that can is named), or the name of the
            file does not end in .json.
        RunError: the file cannot be written.
    """
    from inceptionkit.catalog import SUFFIX, check_name, family_member
    from inceptionkit.derive.design.timed import scaled
    from inceptionkit.files import write_json
    from inceptionkit.spec import Net, classes_of, to_json

    out = None if request.out is None else Path(request.out)
    if out is not None:
        check_name(out)
    family, side = request.family, request.input_size
    member = family if isinstance(family, Net) else family_member(family, side)

    def clock() -> Clock:
        from inceptionkit.evaluation.latency import Clock as Stopwatch

        return Stopwatch(request.device, request.listener or Silence())

    made = scaled(
        member,
        several(request.cost),
        side=side,
        classes=request.classes or classes_of(member),
        clock=clock,
    )
    file = out or Path(made.net.name.replace(":", "-") + SUFFIX)
    write_json(file, to_json(made.net))
    return DesignResult(file, made)
