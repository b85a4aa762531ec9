"""The trunk cut at its exits, so that what lies beyond an exit need not run."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from torch import nn

from inceptionkit.network.build import InceptionNet


@dataclass(frozen=True, slots=True)
class Stage:
    """A piece of the trunk and the classifier that reads its end."""

    name: str  # of the exit, or "main"
    body: nn.Sequential  # (batch, channels, height, width) -> the same
    head: nn.Module  # what `body` gives -> (batch, classes), scores before softmax


def stages(model: InceptionNet, exits: Collection[str] | None = None) -> tuple[Stage, ...]:
    """Cut the trunk after every block that has an exit; the last stage ends in the head.

    The modules are the model's own, not copies. Two exits on one block make a stage with an empty
    body.

    Args:
        model: the network.
        exits: names of the exits to cut at; all if None.
    """
    wanted = [e for e in model.spec.exits if exits is None or e.name in exits]
    out: list[Stage] = []
    body: list[nn.Module] = []
    for block_name, block in model.trunk.items():
        body.append(block)
        for exit_ in wanted:
            if exit_.after == block_name:
                out.append(Stage(exit_.name, nn.Sequential(*body), model.exits[exit_.name]))
                body = []
    out.append(Stage("main", nn.Sequential(*body), model.head))
    return tuple(out)
