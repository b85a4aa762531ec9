"""How a run computes, and how fast that was measured to be.

torch is imported where something is computed: a run's record is read without it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import torch
    from torch import nn

Precision = Literal["fp32", "bf16", "fp16", "fp64"]


@dataclass(frozen=True, kw_only=True)
class Execution:
    """Pinned in run.json: a resumed run computes the same way or not at all."""

    precision: Precision = "fp32"
    channels_last: bool = True
    device: str = "cpu"
    threads: int = 1

    @cached_property
    def layout(self) -> torch.memory_format:
        """Memory format of 4-d tensors."""
        import torch

        return torch.channels_last if self.channels_last else torch.contiguous_format

    @cached_property
    def dtype(self) -> torch.dtype:
        """Of weights and images."""
        import torch

        return torch.float64 if self.precision == "fp64" else torch.float32

    @cached_property
    def is_asynchronous(self) -> bool:
        """Whether the device computes on its own, so that a step is best read a step late."""
        return self.device.partition(":")[0] != "cpu"

    @cached_property
    def autocast(self) -> Callable[[], AbstractContextManager[Any]]:
        """Makes the context in which the forward pass runs."""
        import torch

        low = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(self.precision)
        kind = torch.device(self.device).type
        return partial(torch.autocast, kind, low or torch.bfloat16, enabled=low is not None)

    def place(self, model: nn.Module) -> nn.Module:
        """Move a model to the device, number format and layout."""
        return model.to(self.device, self.dtype, memory_format=self.layout)  # type: ignore[call-overload, no-any-return]

    def __str__(self) -> str:
        layout = "channels_last" if self.channels_last else "channels_first"
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{self.precision}, {layout}" + ("" if self.device != "cpu" else f", {threads}")


@dataclass(frozen=True, slots=True)
class Trial:
    """What the probe measured for one candidate."""

    execution: Execution
    step_seconds: float  # median of a step

    def __str__(self) -> str:
        return f"{self.execution} {1e3 * self.step_seconds:.0f} ms"
