"""GoogLeNet's body with naive modules: arXiv:1409.4842, figure 2a.

Every path reads the module's input directly, and the pool passes all its channels on, so that the
widths grow from module to module: 192, 416, 832, 1280, ... 4944. The paper draws the module to show
why 1x1 reductions are needed, and builds no such network; this one shows what they save, both ways:
at the same path widths, and at the same cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from inceptionkit.catalog.googlenet import googlenet
from inceptionkit.spec import Conv, Net, Node, Split

DIALECTS: Mapping[str, str] = MappingProxyType(
    {
        "paper": "the paths as wide as GoogLeNet's: eleven times the MACs in the modules",
        "scaled": "the paths narrowed until the network costs GoogLeNet's MACs",
    }
)
SCALES = MappingProxyType({"paper": 1.0, "scaled": 0.248})


def inception_naive(dialect: str = "paper") -> Net:
    """GoogLeNet without reductions, for 224x224 images and 1000 classes.

    Golden counts of the nine modules of "paper" (params, MACs): 92,456,592 and 12,085,441,536,
    against 5,849,136 and 1,103,972,352 with reductions. "scaled" has paths 0.248 times as wide and
    costs 1,581,702,360 MACs, within 0.1 % of GoogLeNet's.
    """
    reduced = googlenet()
    return replace(
        reduced,
        name="inception_naive" if dialect == "paper" else f"inception_naive:{dialect}",
        source="arXiv:1409.4842 figure 2a, with the widths of table 1",
        trunk=tuple((name, naive(node, SCALES[dialect])) for name, node in reduced.trunk),
    )


def naive(node: Node, scale: float) -> Node:
    """A module without the 1x1 before each large window and after the pool; else the node itself.

    Args:
        node: of GoogLeNet's trunk.
        scale: of the paths' widths.
    """
    if not isinstance(node, Split):
        return node
    return Split(tuple((name, direct(path, scale)) for name, path in node.paths))


def direct(path: Node, scale: float) -> Node:
    """The pool of a path that has one, else its last convolution."""
    if not isinstance(path, tuple):
        return path
    first, last = path[0], path[-1]
    if isinstance(first, Conv) and isinstance(last, Conv):
        return (replace(last, out=round(last.out * scale)),)
    return (first,)
