"""How a model was exported, as `model.json` says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from inceptionkit.errors import WeightsError, did_you_mean
from inceptionkit.spec import Net, ordered_exits

Kind: TypeAlias = Literal["onnx", "openvino", "torch"]
Precision: TypeAlias = Literal["fp32", "bf16", "int8"]
Server: TypeAlias = Literal["ovms", "triton"]

KINDS: tuple[Kind, ...] = get_args(Kind)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
SERVERS: tuple[Server, ...] = get_args(Server)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What the graphs beside `model.json` are."""

    kind: Kind
    precision: Precision
    stages: tuple[str, ...]  # exits at which the network is cut, then "main": a graph each
    agreement: Mapping[str, Any] = field(default_factory=dict)  # with the trained model
    resize: Mapping[str, Any] | None = None  # agreement with Pillow's; None: the graph has none
    server: Server | None = None  # whose model repository the folder fits into

    def __post_init__(self) -> None:
        served = () if self.server is None else ((self.server, SERVERS),)
        for value, known in ((self.kind, KINDS), (self.precision, PRECISIONS), *served):
            if value not in known:
                msg = f"exported: {value!r} is unknown; {did_you_mean(str(value), known)}"
                raise WeightsError(msg)
        if not self.stages or self.stages[-1] != "main":
            msg = f"exported: the last stage must be 'main', got {list(self.stages)!r}"
            raise WeightsError(msg)
        measured: dict[str, object] = {"agreement": self.agreement}
        if self.resize is not None:
            measured["resize"] = self.resize
        for name, found in measured.items():
            if not isinstance(found, Mapping):
                msg = f"exported: {name} must be an object, got {found!r}"
                raise WeightsError(msg)

    def check(self, net: Net) -> None:
        """Refuse stages that do not end at exits of the network, in their order.

        Raises:
            WeightsError: one does not.
        """
        names = [*(one.name for one in ordered_exits(net)), "main"]
        if [name for name in names if name in self.stages] != list(self.stages):
            msg = f"exported: stages end at {', '.join(names)}, got {list(self.stages)!r}"
            raise WeightsError(msg)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "kind": self.kind,
            "precision": self.precision,
            "stages": list(self.stages),
            "agreement": dict(self.agreement),
            "resize": None if self.resize is None else dict(self.resize),
            "server": self.server,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Exported:
        """Read what `to_json` wrote.

        Raises:
            WeightsError: a key is missing or unknown, or a value makes no sense.
        """
        try:
            return cls(**{**data, "stages": tuple(data["stages"])})
        except (TypeError, KeyError) as error:
            msg = (
                "exported: its keys are not kind, precision, stages, agreement, resize and server "
                f"({error})"
            )
            raise WeightsError(msg) from error
