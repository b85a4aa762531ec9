"""How a model was exported, as `model.json` says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from inceptionkit.errors import WeightsError
from inceptionkit.spec import Net, ordered_exits

Kind: TypeAlias = Literal["onnx", "openvino", "torch"]
Precision: TypeAlias = Literal["fp32", "bf16", "int8"]
Server: TypeAlias = Literal["ovms", "triton"]

KINDS: tuple[Kind, ...] = get_args(Kind)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportInfo:
    """What the graphs beside `model.json` are."""

    kind: Kind
    precision: Precision
    stages: tuple[str, ...]  # exits at which the network is cut, then "main": a graph each
    agreement: Mapping[str, Any] = field(default_factory=dict)  # with the trained model
    resize: Mapping[str, Any] | None = None  # agreement with Pillow's; None: the graph has none
    server: Server | None = None  # whose model repository the folder fits into

    def __post_init__(self) -> None:
        if not self.stages or self.stages[-1] != "main":
            msg = f"the last stage must be 'main', got {list(self.stages)!r}"
            raise WeightsError(msg)

    def check(self, net: Net) -> None:
        """Refuse stages that do not end at exits of the network, in their order.

        Raises:
            WeightsError: one does not.
        """
        names = [*(exit_.name for exit_ in ordered_exits(net)), "main"]
        if [name for name in names if name in self.stages] != list(self.stages):
            msg = f"exported: stages end at {', '.join(names)}, got {list(self.stages)!r}"
            raise WeightsError(msg)
