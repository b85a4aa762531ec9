"""The few modules that torch does not have in the form we need."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Concat(nn.ModuleDict):
    """Run every path on the same input and join the results on channels."""

    def forward(self, x: Tensor) -> Tensor:
        """Join the paths' outputs; `x` is (batch, channels, height, width)."""
        return torch.cat([path(x) for path in self.values()], dim=1)


class GlobalAverage(nn.Module):
    """Mean over the grid. `mean` has a deterministic and faster backward than adaptive pooling."""

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) -> (batch, channels, 1, 1)."""
        return x.mean((2, 3), keepdim=True)


class LocalResponseNorm(nn.Module):
    """Local response normalisation by sums of shifted slices.

    Equal to `torch.nn.LocalResponseNorm`, which goes through a 3-d average pool: slower, and not
    deterministic on CUDA.

    Sources:
        Krizhevsky et al. 2012, section 3.3; the division of alpha by `size` is Caffe's.
    """

    def __init__(self, size: int, alpha: float, beta: float, k: float) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `x`, (batch, channels, height, width), across channels."""
        channels = x.shape[1]
        before = self.size // 2
        squares = functional.pad(x * x, (0, 0, 0, 0, before, self.size - 1 - before))
        total = squares[:, :channels]
        for shift in range(1, self.size):
            total = total + squares[:, shift : shift + channels]
        return x / (self.k + self.alpha / self.size * total) ** self.beta

    def extra_repr(self) -> str:
        """Show the constants when the module is printed."""
        return f"size={self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
