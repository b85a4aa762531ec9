"""A model cut at one of its exits, as a smaller model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from inceptionkit.errors import UnknownNameError, did_you_mean
from inceptionkit.model.card import Card
from inceptionkit.spec import Net, cut_at, tensors


def exit_at(net: Net, at: str) -> str:
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


def pruned(
    card: Card, whole: Mapping[str, NDArray[Any]], name: str
) -> tuple[Card, dict[str, NDArray[Any]]]:
    """The part of a model up to the exit `name`, whose head becomes the head.

    What was measured of the exit is now that of main. An exit policy was chosen for the whole
    network, and is left out.
    """
    net = cut_at(card.architecture, name)
    kept = {
        ours: whole[f"exits.{name}.{ours[5:]}" if ours.startswith("head.") else ours]
        for ours, _ in tensors(net)
    }
    exits = card.metrics.get("exits", {})
    earlier = {exit_.name: exits[exit_.name] for exit_ in net.exits if exit_.name in exits}
    smaller = replace(
        card,
        architecture=net,
        metrics={**card.metrics, **exits.get(name, {}), "exits": earlier},
        origin={**card.origin, "pruned_from": card.architecture.name, "pruned_at": name},
        exit_policy=None,
    )
    return smaller, kept
