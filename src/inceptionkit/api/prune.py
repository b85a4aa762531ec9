"""`prune`: a model cut at one of its exits, as a smaller model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from inceptionkit.convert.registry import Tensors, beside, read
from inceptionkit.derive import cost, tensors
from inceptionkit.errors import UnknownNameError, did_you_mean
from inceptionkit.model import Card, write_model
from inceptionkit.spec import Net, cut_at
from inceptionkit.training.run.folder import free


@dataclass(frozen=True, slots=True)
class Pruned:
    """A model that was cut."""

    path: Path
    card: Card
    params: tuple[int, int]  # before and after, without exits
    macs: tuple[int, int]

    def as_json(self) -> dict[str, Any]:
        """What `prune --json` promises."""
        return {
            "model": str(self.path),
            "name": self.card.architecture.name,
            "params": self.params[1],
            "macs": self.macs[1],
            "params_before": self.params[0],
            "macs_before": self.macs[0],
            "top1": self.card.metrics.get("top1"),
        }


def prune(model: str | Path, at: str, out: str | Path | None = None) -> Pruned:
    """Write the part of a model up to one of its exits as a model of its own.

    The trunk up to there and the exit's head, which becomes the head, keep their weights; earlier
    exits stay. An exit policy does not: it was chosen for the whole network.

    Args:
        model: folder of a model or of a run, a weights file, or the id of released weights.
        at: name of the exit, or of the block that it hangs after.
        out: folder of the new model; beside the old one, with the exit's name, if None.

    Raises:
        WeightsError: there is no model, or it is damaged.
        UnknownNameError: it has no such exit, or no released weights have that id.
        RunError: something stands at `out` already, or it cannot be written.
    """
    card, before = read(model)
    name = exit_called(card.architecture, at)
    net = cut_at(card.architecture, name)
    folder = Path(out) if out else beside(model, name)
    free(folder)
    kept = carried(net, before, name)
    smaller = replace(
        card,
        architecture=net,
        metrics=metrics(card.metrics, net, name),
        origin={**card.origin, "pruned_from": card.architecture.name, "pruned_at": name},
        exit_policy=None,
    )
    write_model(folder, smaller, kept)
    whole, part = cost(card.architecture).answer, cost(net).answer
    return Pruned(folder, smaller, (whole.params, part.params), (whole.macs, part.macs))


def exit_called(net: Net, at: str) -> str:
    """The exit of that name, or the one that hangs after the block of that name.

    Raises:
        UnknownNameError: there is neither.
    """
    for exit_ in net.exits:
        if at in {exit_.name, exit_.after}:
            return exit_.name
    known = [name for exit_ in net.exits for name in (exit_.name, exit_.after)]
    msg = f"{net.name} has no exit at {at!r}; {did_you_mean(at, known)}"
    raise UnknownNameError(msg)


def carried(net: Net, before: Tensors, exit_name: str) -> dict[str, Any]:
    """The tensors of `net`, which the whole network has under the names of its exit."""
    return {
        name: before[name.replace("head.", f"exits.{exit_name}.", 1)]
        if name.startswith("head.")
        else before[name]
        for name, _ in tensors(net)
    }


def metrics(whole: Mapping[str, Any], net: Net, exit_name: str) -> dict[str, Any]:
    """What was measured of the exit is now that of main."""
    exits = whole.get("exits", {})
    kept = {exit_.name: exits[exit_.name] for exit_ in net.exits if exit_.name in exits}
    return {**whole, **exits.get(exit_name, {}), "exits": kept}
