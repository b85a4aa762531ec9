"""How the arithmetic is done: precision, layout, device, threads; and what a probe may choose.

Records hold it, and are read without torch: torch is imported where something is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, cast

from inceptionkit.errors import RecipeError, did_you_mean

if TYPE_CHECKING:
    import torch
    from torch import nn

Precision = Literal["fp32", "bf16", "fp16", "fp64"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16", "fp16", "fp64")
WORTH_BF16 = 1.1  # bf16 rounds: it must be this much faster than the best fp32


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """Pinned in run.json: a resumed run computes the same way or not at all."""

    precision: Precision = "fp32"
    channels_last: bool = True
    device: str = "cpu"
    threads: int = 1

    @property
    def layout(self) -> torch.memory_format:
        """Memory format of 4-d tensors."""
        import torch

        return torch.channels_last if self.channels_last else torch.contiguous_format

    @property
    def dtype(self) -> torch.dtype:
        """Of weights and images."""
        import torch

        return torch.float64 if self.precision == "fp64" else torch.float32

    @property
    def late(self) -> bool:
        """Whether the device computes on its own, so that an update is best read a step late."""
        return _kind(self.device) != "cpu"

    def autocast(self) -> AbstractContextManager[Any]:
        """Context in which the forward pass runs."""
        import torch

        low = torch.float16 if self.precision == "fp16" else torch.bfloat16
        return torch.autocast(_kind(self.device), low, enabled=self.precision in {"bf16", "fp16"})

    def scaler(self) -> torch.amp.GradScaler:
        """Scales the loss in fp16, whose small gradients would vanish; else it does nothing."""
        import torch

        return torch.amp.GradScaler(_kind(self.device), enabled=self.precision == "fp16")

    def place(self, model: nn.Module) -> nn.Module:
        """Move a model to the device, number format and layout."""
        return model.to(self.device, self.dtype, memory_format=self.layout)  # type: ignore[call-overload, no-any-return]

    def says(self) -> str:
        """In words."""
        layout = "channels last" if self.channels_last else "channels first"
        count = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{self.precision}, {layout}" + ("" if self.device != "cpu" else f", {count}")


def _kind(device: str) -> str:
    return device.partition(":")[0]


def default_device() -> str:
    """The first GPU if torch sees one, else the CPU."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def check_device(name: str) -> None:
    """Refuse a device that torch does not know, or that this machine does not have."""
    import torch

    kinds = ("cpu", *(("cuda",) if torch.cuda.is_available() else ()))
    try:
        torch.zeros(1, device=name).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        known = _kind(name) in {"cuda", "mps", "xpu"}
        wrong = "this machine, or this torch, has no" if known else "there is no"
        msg = f"{wrong} device {name!r}; {did_you_mean(name, kinds)}"
        raise RecipeError(msg) from error


def check_precision(name: str, device: str) -> None:
    """Refuse a precision that does not exist, or not on this device."""
    if name not in (*PRECISIONS, "auto"):
        msg = f"no precision is called {name!r}; {did_you_mean(name, (*PRECISIONS, 'auto'))}"
        raise RecipeError(msg)
    if name == "fp16" and _kind(device) == "cpu":
        msg = "fp16 is for GPUs, and this run is on the CPU; use bf16 or fp32"
        raise RecipeError(msg)


def candidates(device: str, threads: int, precision: str = "auto") -> list[Execution]:
    """Ways of computing worth a probe.

    bf16 without channels last is slow everywhere. One thread fewer is far faster where something
    else keeps a core busy, since all threads wait for the slowest.
    """
    kinds: tuple[tuple[Precision, bool], ...] = (("fp32", False), ("fp32", True), ("bf16", True))
    if precision in {"fp16", "fp64"}:  # for those who ask: the one has too narrow a range, the
        kinds = ((cast(Precision, precision), True),)  # other is slow
    ways = [
        Execution(precision=kind, channels_last=last, device=device, threads=threads)
        for kind, last in kinds
        if precision in {"auto", kind}
    ]
    if threads > 1 and not device.startswith("cuda"):
        ways.append(replace(ways[-1], threads=threads - 1))
    return ways


@dataclass(frozen=True, slots=True)
class Trial:
    """What the probe measured for one candidate."""

    execution: Execution
    step_seconds: float  # median of an update

    def says(self) -> str:
        """In words."""
        return f"{self.execution.says()} {1e3 * self.step_seconds:.0f} ms"


def choose(trials: Sequence[Trial]) -> Trial:
    """The fastest; bf16 only where it is clearly faster than fp32."""

    def handicapped(trial: Trial) -> float:
        return trial.step_seconds * (WORTH_BF16 if trial.execution.precision == "bf16" else 1.0)

    return min(trials, key=handicapped)
