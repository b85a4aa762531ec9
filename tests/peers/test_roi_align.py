"""Region pooling and suppression against torchvision's."""

import itertools
from types import ModuleType

import pytest
import torch
from torch import Tensor

from inceptionkit.detection.shared.nms import suppress
from inceptionkit.detection.shared.roi_align import roi_align

TOLERANCE = 1e-5  # the same arithmetic in another order
SCALE = 1 / 8  # cells per pixel


@pytest.fixture
def boxes() -> Tensor:
    """(2, 30, 4) boxes inside an image of 96x136 pixels."""
    draws = torch.rand(2, 30, 4, generator=torch.Generator().manual_seed(0))
    size = torch.tensor([136.0, 96.0])
    low = draws[..., :2] * (size - 2)
    return torch.cat([low, low + 1 + draws[..., 2:] * (size - 1 - low)], -1)


def test_roi_align_and_its_gradient_are_those_of_torchvision(
    torchvision_models: ModuleType, boxes: Tensor
) -> None:
    """Against its implementation in Python: its compiled one needs a torch of its own build.

    Both are compared inside the image, where the two of torchvision agree.
    """
    assert torchvision_models is not None
    import sys

    from torchvision.ops import roi_align as package  # noqa: F401 - the function hides the module

    theirs = sys.modules["torchvision.ops.roi_align"]._roi_align.__wrapped__
    draws = torch.Generator().manual_seed(1)
    own = torch.randn(2, 5, 12, 17, generator=draws, requires_grad=True)
    other = own.detach().clone().requires_grad_()
    of = torch.arange(2.0).repeat_interleave(30)[:, None]

    ours = roi_align(own, boxes, (7, 7), (SCALE, SCALE)).flatten(0, 1)
    wanted = theirs(other, torch.cat([of, boxes.flatten(0, 1)], 1), SCALE, 7, 7, 2, True)
    weights = torch.randn(ours.shape, generator=draws)
    (ours * weights).sum().backward()
    (wanted * weights).sum().backward()

    torch.testing.assert_close(ours, wanted, atol=TOLERANCE, rtol=TOLERANCE)
    torch.testing.assert_close(own.grad, other.grad, atol=TOLERANCE, rtol=TOLERANCE)


EDGES = torch.tensor(
    [
        [0, 0, 136, 96],  # the whole image
        [0, 0, 20, 30], [116, 66, 136, 96],  # at the border
        [-30.3, -21.7, 40.1, 33.3], [100.7, 60.9, 190.2, 140.6], [-60, -50, 250, 200],  # over it
        [-90, -90, -40, -40], [200, 150, 260, 220],  # outside
        [50, 40, 50, 40], [30, 20, 30, 60], [0, 0, 0, 0], [136, 96, 136, 96],  # without an area
    ]
)  # fmt: skip
"""Boxes in an image of 136x96 pixels, and beside it."""


def kernel(image: Tensor, box: Tensor, grid: tuple[int, int], samples: int) -> Tensor:
    """`roi_align_kernel.cpp` of torchvision with `aligned=True`, a sample at a time."""
    height, width = image.shape[1:]
    x1, y1, x2, y2 = (float(edge) * SCALE - 0.5 for edge in box)
    bin_h, bin_w = (y2 - y1) / grid[0], (x2 - x1) / grid[1]
    bins = []
    for ph, pw in itertools.product(*map(range, grid)):
        total = torch.zeros(len(image))
        for iy, ix in itertools.product(range(samples), repeat=2):
            y = y1 + ph * bin_h + (iy + 0.5) * bin_h / samples
            x = x1 + pw * bin_w + (ix + 0.5) * bin_w / samples
            if y < -1 or y > height or x < -1 or x > width:
                continue
            (y_low, y_high, ly), (x_low, x_high, lx) = neighbors(y, height), neighbors(x, width)
            total = total + (1 - ly) * (1 - lx) * image[:, y_low, x_low]
            total = total + (1 - ly) * lx * image[:, y_low, x_high]
            total = total + ly * (1 - lx) * image[:, y_high, x_low]
            total = total + ly * lx * image[:, y_high, x_high]
        bins.append(total / samples**2)
    return torch.stack(bins, 1).view(len(image), *grid)


def neighbors(at: float, cells: int) -> tuple[int, int, float]:
    """The two cells beside a place, and the weight of the second."""
    at = max(at, 0.0)
    if int(at) >= cells - 1:
        return cells - 1, cells - 1, 0.0
    return int(at), int(at) + 1, at - int(at)


@pytest.mark.parametrize(("grid", "samples"), [((7, 7), 2), ((3, 5), 1), ((1, 1), 4), ((2, 4), 3)])
def test_at_the_border_and_without_an_area_it_is_torchvisions_kernel(
    grid: tuple[int, int], samples: int
) -> None:
    draws = torch.Generator().manual_seed(3)
    own = torch.randn(2, 3, 12, 17, generator=draws, requires_grad=True)
    other = own.detach().clone().requires_grad_()

    ours = roi_align(own, EDGES.expand(2, -1, -1), grid, (SCALE, SCALE), samples)
    wanted = torch.stack(
        [torch.stack([kernel(image, box, grid, samples) for box in EDGES]) for image in other]
    )
    weights = torch.randn(ours.shape, generator=draws)
    (ours * weights).sum().backward()
    (wanted * weights).sum().backward()

    torch.testing.assert_close(ours, wanted, atol=TOLERANCE, rtol=TOLERANCE)
    torch.testing.assert_close(own.grad, other.grad, atol=TOLERANCE, rtol=TOLERANCE)


def test_the_kernel_is_the_one_that_torchvision_compiles(torchvision_models: ModuleType) -> None:
    assert torchvision_models is not None
    from torchvision.extension import _has_ops
    from torchvision.ops import roi_align as compiled

    if not _has_ops():
        pytest.skip("torchvision's compiled operators need a torch of their own build")
    image = torch.randn(1, 3, 12, 17, generator=torch.Generator().manual_seed(4))

    theirs = compiled(image, [EDGES], (3, 5), SCALE, 2, aligned=True)
    ours = torch.stack([kernel(image[0], box, (3, 5), 2) for box in EDGES])

    torch.testing.assert_close(ours, theirs, atol=TOLERANCE, rtol=TOLERANCE)


def test_suppression_is_that_of_torchvision(torchvision_models: ModuleType, boxes: Tensor) -> None:
    assert torchvision_models is not None
    from torchvision.extension import _has_ops
    from torchvision.ops import batched_nms, nms

    if not _has_ops():
        pytest.skip("torchvision's compiled operators need a torch of their own build")
    flat, draws = boxes.flatten(0, 1), torch.Generator().manual_seed(2)
    scores, labels = torch.rand(60, generator=draws), torch.arange(60) % 3

    assert suppress(flat, scores, 0.3).tolist() == nms(flat, scores, 0.3).tolist()
    assert (
        suppress(flat, scores, 0.3, labels).tolist()
        == batched_nms(flat, scores, labels, 0.3).tolist()
    )
