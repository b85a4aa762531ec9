"""Muon: convolution kernels move by orthogonal steps, everything else by SGD."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.sgd import sgd

from inceptionkit.spec import Conv, Net, steps

_QUINTIC = 3.4445, -4.7750, 2.0315  # of x, x^3 and x^5: lifts small values fastest
_TINY = 1e-7  # added to lengths that are divided by


class Muon(Optimizer):
    """Kernels move along their momentum with all singular values brought close to one.

    A group says what it holds: "kernels" are moved by a matrix whose rows are filters, all others
    by SGD. A kernel with "unit" filters, whose scale a norm takes out, is brought to the length of
    a matrix of such filters before each step, and does not decay; others decay by lr times
    weight_decay.

    Args:
        groups: of parameters, each with "kernels", "unit", "momentum" and "weight_decay".
        lr: learning rate.
        nesterov: whether steps look a momentum ahead.
        iterations: of Newton and Schulz.
        low: type of its large products; None for that of the parameters.

    Sources:
        Jordan 2024, "Muon: An optimizer for hidden layers in neural networks"; the lengths of
        kernels, and its constants for images of 32 pixels: the public program `airbench94_muon`.
    """

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        *,
        lr: float,
        nesterov: bool = True,
        iterations: int = 3,
        low: torch.dtype | None = None,
    ) -> None:
        super().__init__(groups, {"lr": lr})
        self.nesterov, self.iterations, self.low = nesterov, iterations, low
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Change every parameter that has a gradient; closures are not called."""
        del closure
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            gradients = [p.grad for p in params if p.grad is not None]
            buffers = [self.state[p]["momentum_buffer"] for p in params]
            if not params:
                continue
            if group["kernels"]:
                self._move_kernels(params, gradients, buffers, group)
                continue
            sgd(
                params,
                gradients,
                buffers,
                fused=True,
                weight_decay=group["weight_decay"],
                momentum=group["momentum"],
                lr=group["lr"],
                dampening=0.0,
                nesterov=self.nesterov and group["momentum"] > 0,
                maximize=False,
            )

    def _move_kernels(
        self,
        kernels: list[Tensor],
        gradients: list[Tensor],
        buffers: list[Tensor],
        group: dict[str, Any],
    ) -> None:
        """One step of kernels (out, in, height, width)."""
        torch._foreach_mul_(buffers, group["momentum"])
        torch._foreach_add_(buffers, gradients)
        along: Sequence[Tensor] = buffers
        if self.nesterov:
            along = torch._foreach_add(gradients, buffers, alpha=group["momentum"])  # noqa: SLF001
        if group["unit"]:
            lengths = torch._foreach_norm(kernels)  # noqa: SLF001
            wanted = [len(k) ** 0.5 / (n + _TINY) for k, n in zip(kernels, lengths, strict=True)]
            torch._foreach_mul_(kernels, wanted)
        elif group["weight_decay"]:
            torch._foreach_mul_(kernels, 1.0 - group["lr"] * group["weight_decay"])
        moves = orthogonal(along, self.iterations, self.low)
        torch._foreach_add_(kernels, moves, alpha=-group["lr"])


def hidden_kernels(net: Net) -> dict[str, bool]:
    """Kernels that Muon moves: name of each -> whether a norm takes its scale out.

    Not those of the first convolution, of classifiers, and of such as treat channels apart.
    """
    _, *hidden = (step for step in steps(net) if isinstance(step.op, Conv))
    return {
        f"{step.at}.conv.weight": step.op.norm is not None
        for step in hidden
        if isinstance(step.op, Conv) and step.op.groups == 1 and not step.op.classifier
    }


def orthogonal(
    kernels: Sequence[Tensor],
    iterations: int,
    dtype: torch.dtype | None,
    coefficients: tuple[float, float, float] = _QUINTIC,
) -> list[Tensor]:
    """Kernels (out, in, height, width) as matrices of filters with singular values near one.

    The iteration of Newton and Schulz: x <- (a + b x x^T + c (x x^T)^2) x, again and again, which
    leaves singular vectors as they are. All powers are taken of the small x x^T, so that only the
    first and the last product are as wide as x. Kernels of one shape are computed together.

    Args:
        kernels: of any shapes; zeros stay zeros.
        iterations: how many; three bring values that are at least 0.02 of a matrix's length to
            between 0.68 and 1.21.
        dtype: of the two wide products; None for that of the kernels.
        coefficients: a, b and c.
    """
    (a, b, c), alike = coefficients, defaultdict[tuple[int, int], list[int]](list)
    matrices = [kernel.movedim(1, -1).flatten(1) for kernel in kernels]  # as they lie in memory
    wide = [m if m.shape[0] <= m.shape[1] else m.T for m in matrices]
    for place, matrix in enumerate(wide):
        alike[matrix.shape[0], matrix.shape[1]].append(place)
    found: list[Tensor] = [*kernels]
    for (rows, _), places in alike.items():
        x = torch.stack([wide[place] for place in places])
        unit = x / (torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True) + _TINY)
        unit = unit.to(dtype or x.dtype)
        square = torch.bmm(unit, unit.mT).to(x.dtype)
        lift = a * torch.eye(rows, dtype=x.dtype, device=x.device)
        whole = factor = torch.baddbmm(square, square, square, beta=b, alpha=c) + lift
        for _ in range(iterations - 1):
            square = torch.bmm(torch.bmm(factor, square), factor)
            factor = torch.baddbmm(square, square, square, beta=b, alpha=c) + lift
            whole = torch.bmm(factor, whole)
        moved = torch.bmm(whole.to(unit.dtype), unit).to(x.dtype)
        for place, matrix in zip(places, moved.unbind(), strict=True):
            filters = matrix if wide[place] is matrices[place] else matrix.T
            shape = kernels[place].movedim(1, -1).shape
            found[place] = filters.reshape(shape).movedim(-1, 1)
    return found
