"""`prune`: a model cut at one of its exits, as a smaller model."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from inceptionkit.arguments import MODEL
from inceptionkit.options import Option, verb
from inceptionkit.results import Result

if TYPE_CHECKING:
    from inceptionkit.model import Card


@dataclass(frozen=True)
class PruneRequest:
    """Which model to cut, and where."""

    model: Annotated[str | Path, MODEL]
    _: KW_ONLY
    at: Annotated[str, Option("Exit, or the block that it hangs after.", "EXIT")]
    out: Annotated[
        str | Path | None, Option("Folder of the new model.", default="beside the model")
    ] = None


@dataclass(frozen=True, kw_only=True, repr=False)
class PruneResult(Result):
    """A model that was cut.

    Attributes:
        model: its folder.
        card: what the folder says of it.
        params: before and after, without exits.
        macs: before and after, without exits.
    """

    model: Path
    card: Card
    params: tuple[int, int]
    macs: tuple[int, int]

    def to_json(self) -> dict[str, Any]:
        """What `prune --json` prints."""
        return {
            "model": str(self.model),
            "name": self.card.architecture.name,
            "params": self.params[1],
            "macs": self.macs[1],
            "params_before": self.params[0],
            "macs_before": self.macs[0],
            "top1": self.card.metrics.get("top1"),
        }


@verb(PruneRequest)
def prune(request: PruneRequest) -> PruneResult:
    """Cut a model at one of its exits: a smaller model, which every verb takes.

    Earlier exits stay. An exit policy does not: it was chosen for the whole network.

    Raises:
        WeightsError: there is no model, or it is damaged.
        UnknownNameError: it has no such exit, or no released weights have that id.
        RunError: something stands at `out` already, or it cannot be written.
    """
    from inceptionkit.convert.registry import beside, read_weights
    from inceptionkit.derive import cost
    from inceptionkit.model import write_model
    from inceptionkit.model.prune import exit_at, pruned
    from inceptionkit.training.run.folder import require_empty

    card, tensors = read_weights(request.model)
    name = exit_at(card.architecture, request.at)
    folder = Path(request.out) if request.out else beside(request.model, name)
    require_empty(folder)
    smaller, kept = pruned(card, tensors, name)
    write_model(folder, smaller, kept)
    whole, part = cost(card.architecture).without_exits, cost(smaller.architecture).without_exits
    return PruneResult(
        model=folder,
        card=smaller,
        params=(whole.params, part.params),
        macs=(whole.macs, part.macs),
    )
