"""Region pooling and suppression against torchvision's."""

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
