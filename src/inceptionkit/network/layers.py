"""The few modules that torch does not have in the form we need."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from inceptionkit.spec import adaptive_windows, border


class Concat(nn.ModuleDict):
    """Run every path on the same input and join the results on channels.

    In training the same numbers are computed with less to read and to keep: 1x1 convolutions that
    paths begin with read the input together, and ReLUs that all paths end in act on the joined
    result, so that the backward pass keeps that alone and not each path's output beside it.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Join the paths' outputs; `x` is (batch, channels, height, width)."""
        if not self.training:
            return torch.cat([path(x) for path in self.values()], dim=1)
        paths = [chain(path) for path in self.values()]
        rectified = all(path and isinstance(path[-1], nn.ReLU) for path in paths)
        begun = _begin_together(paths, x)
        ends = [run(path[:-1] if rectified else path, x) for path, x in begun]
        return JoinedReLU.apply(*ends) if rectified else torch.cat(ends, dim=1)  # type: ignore[no-untyped-call]


class JoinedReLU(torch.autograd.Function):
    """Tensors joined on channels, then rectified."""

    @staticmethod
    def forward(ctx: Any, *parts: Tensor) -> Tensor:  # noqa: ANN401 - torch's context has no type
        """Join and rectify; each part is (batch, channels, height, width)."""
        y = torch.cat(parts, dim=1).relu_()
        ctx.save_for_backward(y)
        ctx.channels = [part.shape[1] for part in parts]
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:  # noqa: ANN401
        """Give each part the gradient of its channels, dense: a norm is slow on any other."""
        (y,) = ctx.saved_tensors
        pairs = zip(*(torch.split(each, ctx.channels, 1) for each in (gradient, y)), strict=True)
        return tuple(torch.ops.aten.threshold_backward(above, own, 0) for above, own in pairs)


def _begin_together(
    paths: list[list[nn.Module]], x: Tensor
) -> list[tuple[list[nn.Module], Tensor]]:
    """What remains of each path, and what it reads, after the 1x1 convolutions of `x`."""
    first = [
        conv
        for conv in (path[0] for path in paths if path)
        if isinstance(conv, nn.Conv2d)
        and conv.kernel_size == conv.stride == (1, 1)
        and conv.padding == (0, 0)
        and conv.groups == 1
    ]  # of all channels and cells
    biases = [conv.bias for conv in first if conv.bias is not None]
    if len(first) < 2 or len(biases) not in {0, len(first)}:
        return [(path, x) for path in paths]
    weight = torch.cat([conv.weight for conv in first])
    y = functional.conv2d(x, weight, torch.cat(biases) if biases else None)
    last = y.is_contiguous(memory_format=torch.channels_last)
    layout = torch.channels_last if last else torch.contiguous_format
    parts = iter(torch.split(y, [conv.out_channels for conv in first], 1))
    return [
        (path[1:], next(parts).clone(memory_format=layout))
        if path and path[0] in first
        else (path, x)
        for path in paths
    ]


def chain(part: nn.Module) -> list[nn.Module]:
    """The modules that run one after the other where `part` does."""
    if isinstance(part, ProjectedAverage):
        pool, *rest = part
        conv, *after = (inner for child in rest for inner in chain(child))
        return [conv, *chain(pool), *after]
    if isinstance(part, nn.Sequential):
        return [inner for child in part for inner in chain(child)]
    return [part]


def run(parts: Iterable[nn.Module], x: Tensor) -> Tensor:
    """Run modules one after the other."""
    for part in parts:
        x = part(x)
    return x


class ProjectedAverage(nn.Sequential):
    """An average pool, and a 1x1 convolution without bias after it.

    Each is linear, one on the grid and one on channels, so that their order does not matter but for
    rounding. In training a block runs the convolution first, which leaves fewer channels to
    average, and the backward pass need not keep the average of all.
    """


class Scores(nn.Sequential):
    """A classifier: whatever its last operator is, the result is (batch, classes)."""

    def forward(self, x: Tensor) -> Tensor:
        """Score `x`, (batch, channels, height, width)."""
        return run(self, x).flatten(1)


class GlobalAverage(nn.Module):
    """Mean over the grid. `mean` has a deterministic and faster backward than adaptive pooling."""

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) -> (batch, channels, 1, 1)."""
        return x.mean((2, 3), keepdim=True)


class AdaptiveAverage(nn.Module):
    """Mean over windows that leave a grid of a given size.

    Equal to `torch.nn.AdaptiveAvgPool2d`, whose backward is not deterministic on CUDA.
    """

    def __init__(self, grid: tuple[int, int]) -> None:
        super().__init__()
        self.grid = grid

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) -> (batch, channels, *grid)."""
        return averaged(averaged(x, 2, self.grid[0]), 3, self.grid[1])

    def extra_repr(self) -> str:
        """Show the grid when the module is printed."""
        return f"grid={self.grid}"


def averaged(x: Tensor, axis: int, out: int) -> Tensor:
    """Mean over `out` windows along `axis`, which overlap where its length is no multiple."""
    bounds = adaptive_windows(x.shape[axis], out)
    parts = [x.narrow(axis, a, b - a).mean(axis, keepdim=True) for a, b in bounds]
    return torch.cat(parts, axis)


class _TensorFlowWindows(nn.Module):
    """Windows with TensorFlow's padding, which depends on the size of the input.

    Training crops are smaller than what is seen in use, and their borders may lie elsewhere.
    """

    def __init__(self, kernel: tuple[int, int], stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def pad(self, x: Tensor) -> tuple[int, int, int, int]:
        """Cells to add to `x`, (batch, channels, height, width): left, right, top, bottom."""
        rows, columns = (
            border(n, k, self.stride, "tensorflow")
            for n, k in zip(x.shape[2:], self.kernel, strict=True)
        )
        return (*columns, *rows)

    def extra_repr(self) -> str:
        """Show the window when the module is printed."""
        return f"kernel={self.kernel}, stride={self.stride}"


class TensorFlowPad(_TensorFlowWindows):
    """Zeros around the grid, for the convolution or the pool that follows."""

    def forward(self, x: Tensor) -> Tensor:
        """Pad `x`, (batch, channels, height, width)."""
        return functional.pad(x, self.pad(x))


class TensorFlowMax(_TensorFlowWindows):
    """Max pool."""

    def forward(self, x: Tensor) -> Tensor:
        """Pool `x`, (batch, channels, height, width)."""
        left, right, top, bottom = self.pad(x)
        if left == top == 0 and self.stride > 1:  # the last window hangs over: nothing is copied
            return functional.max_pool2d(x, self.kernel, self.stride, ceil_mode=True)
        padded = functional.pad(x, (left, right, top, bottom), value=float("-inf"))
        return functional.max_pool2d(padded, self.kernel, self.stride)


class PaddedAverage(_TensorFlowWindows):
    """Average pool whose padding does not count."""

    def forward(self, x: Tensor) -> Tensor:
        """Average `x`, (batch, channels, height, width), over the cells that are not padding."""
        pad = self.pad(x)
        cells = functional.pad(torch.ones_like(x[:1, :1]), pad)
        share = functional.avg_pool2d(cells, self.kernel, self.stride)
        return functional.avg_pool2d(functional.pad(x, pad), self.kernel, self.stride) / share


class BatchNormWithoutGamma(nn.BatchNorm2d):
    """Batch norm with beta alone; gamma stays 1, is no parameter and is not stored."""

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__(channels, eps=eps)
        del self.weight
        self.register_buffer("weight", torch.ones(channels), persistent=False)


class SampleDropout(nn.Dropout):
    """Dropout whose mask is a function of a key for each sample, where `keys` are set.

    Then it does not matter in which batch, process or order a sample is computed. Without keys it
    is `torch.nn.Dropout`.

    Attributes:
        keys: (batch,) int32, one for each sample; None to draw from torch's generator.
    """

    keys: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Drop cells of `x`, (batch, ...), in training; the others make up for them."""
        if self.keys is None or not self.training or self.p == 0.0:
            return super().forward(x)
        kept = shares(self.keys, x[0].numel()).view(x.shape) >= self.p
        return x * kept / ((1.0 - self.p) or 1.0)


def shares(keys: Tensor, cells: int) -> Tensor:
    """Random numbers in [0, 1), (batch, cells) float32, as a function of (batch,) int32 keys.

    Sources:
        The hash of 32 bits, two multiplications: Wellons 2018, "Prospecting for Hash Functions".
    """
    place = hashed(torch.arange(cells, dtype=torch.int32, device=keys.device))
    bits = hashed(keys[:, None] + place)
    return (bits >> 8 & 0xFFFFFF).float() * 2.0**-24


def hashed(x: Tensor) -> Tensor:
    """Mix the bits of int32 numbers; the shifts fill with zeros, as of unsigned ones."""
    x = (x ^ (x >> 16 & 0xFFFF)) * 0x7FEB352D
    x = (x ^ (x >> 15 & 0x1FFFF)) * -0x7B935975  # 0x846CA68B as a signed number
    return x ^ (x >> 16 & 0xFFFF)


class LocalResponseNorm(nn.Module):
    """Local response normalization by sums of shifted slices.

    Equal to `torch.nn.LocalResponseNorm`, which goes through a 3-d average pool: slower, and not
    deterministic on CUDA.

    Sources:
        Krizhevsky et al. 2012, section 3.3; the division of alpha by `size` is Caffe's.
    """

    def __init__(self, size: int, alpha: float, beta: float, k: float) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        """Normalize `x`, (batch, channels, height, width), across channels."""
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
