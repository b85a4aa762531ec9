"""Colors, after figure 3 of "Going Deeper with Convolutions" (arXiv:1409.4842).

There convolutions are blue, pools red, norms and concatenations green, classifiers yellow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from inceptionkit.derive.diagram.shapes import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """Colors on one background."""

    paper: str
    ink: str  # text
    faint: str  # text of less weight
    wire: str
    stage: str  # panel behind the blocks of one grid
    block: str  # panel behind the operators of one block
    edge: str  # border of that panel
    fills: Mapping[Kind, tuple[str, str]]  # kind -> (fill, border)


LIGHT = Palette(
    paper="#ffffff",
    ink="#16202c",
    faint="#566272",
    wire="#5b6675",
    stage="#f1f4f8",
    block="#ffffff",
    edge="#cfd7e1",
    fills=MappingProxyType(
        {
            "image": ("#ffffff", "#8793a1"),
            "conv": ("#cfe1f9", "#3f77c2"),
            "pool": ("#f9cfca", "#c04f45"),
            "norm": ("#dbeecb", "#6b9a45"),
            "concat": ("#bfe5cf", "#3a9166"),
            "linear": ("#dcd6f7", "#7663c4"),
            "dropout": ("#e7e9ec", "#8b95a1"),
            "classifier": ("#fce8a4", "#b98f12"),
            "module": ("#ffffff", "#3a9166"),
            "exit": ("#5b6675", "#5b6675"),
            "other": ("#e7e9ec", "#566272"),
        }
    ),
)

DARK = Palette(
    paper="#10161e",
    ink="#eef2f7",
    faint="#a5b1c0",
    wire="#8f9cac",
    stage="#18212c",
    block="#10161e",
    edge="#36434f",
    fills=MappingProxyType(
        {
            "image": ("#10161e", "#8793a1"),
            "conv": ("#1f3f6b", "#6ea3ea"),
            "pool": ("#66281f", "#e78478"),
            "norm": ("#33491f", "#9bcb72"),
            "concat": ("#15503a", "#5cc493"),
            "linear": ("#3a3070", "#a394ef"),
            "dropout": ("#2e3743", "#93a0ae"),
            "classifier": ("#5d490b", "#e8c04c"),
            "module": ("#10161e", "#5cc493"),
            "exit": ("#a5b1c0", "#a5b1c0"),
            "other": ("#2e3743", "#a5b1c0"),
        }
    ),
)


def darkened() -> str:
    """Style sheet that turns a light drawing dark where the viewer prefers it."""
    plain = {
        ".paper": f"fill:{DARK.paper}",
        ".ink": f"fill:{DARK.ink}",
        ".faint": f"fill:{DARK.faint}",
        ".on-exit": f"fill:{DARK.paper}",
        ".wire": f"stroke:{DARK.wire}",
        ".tip": f"fill:{DARK.wire}",
        ".stage": f"fill:{DARK.stage}",
        ".block": f"fill:{DARK.block};stroke:{DARK.edge}",
    }
    boxes = {f".{kind}": f"fill:{a};stroke:{b}" for kind, (a, b) in DARK.fills.items()}
    cells = {f".c-{kind}": f"fill:{b}" for kind, (_, b) in DARK.fills.items()}
    rules = "".join(f"{name}{{{rule}}}" for name, rule in (plain | boxes | cells).items())
    return f"<style>@media (prefers-color-scheme:dark){{{rules}}}</style>"
