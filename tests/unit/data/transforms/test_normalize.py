"""Normalizing is the same arithmetic however channels lie in memory."""

import pytest
import torch

from inceptionkit.data.transforms.pipeline import normalize
from inceptionkit.preprocess import Preprocessing

ODD = Preprocessing(size=8, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("size", [(1, 1), (5, 9), (8, 8)])
def test_channels_innermost_or_outermost(dtype: torch.dtype, size: tuple[int, int]) -> None:
    pixels = torch.randint(0, 256, (4, 3, *size)).to(dtype)
    inner = pixels.contiguous(memory_format=torch.channels_last)
    before = inner.clone()

    found, wanted = (normalize(x, ODD.mean, ODD.std) for x in (inner, pixels))

    assert torch.equal(found, wanted)
    assert torch.equal(inner, before)
    for channel in range(3):
        by_hand = (pixels[:, channel] / 255 - ODD.mean[channel]) / ODD.std[channel]
        torch.testing.assert_close(wanted[:, channel], by_hand)
