"""The language of architectures: frozen data, and the one walk over it. Standard library only."""

from inception.spec.edit import smallest_for_exit, smallest_input, with_classes, with_input
from inception.spec.nodes import (
    BatchNorm,
    Conv,
    Dropout,
    Exit,
    GlobalPool,
    Linear,
    LocalNorm,
    Named,
    Net,
    Node,
    Op,
    Pair,
    Pool,
    Split,
    named,
)
from inception.spec.text import from_json, to_json
from inception.spec.walk import Block, Signal, Step, blocks, steps, walk

__all__ = [
    "BatchNorm",
    "Block",
    "Conv",
    "Dropout",
    "Exit",
    "GlobalPool",
    "Linear",
    "LocalNorm",
    "Named",
    "Net",
    "Node",
    "Op",
    "Pair",
    "Pool",
    "Signal",
    "Split",
    "Step",
    "blocks",
    "from_json",
    "named",
    "smallest_for_exit",
    "smallest_input",
    "steps",
    "to_json",
    "walk",
    "with_classes",
    "with_input",
]
