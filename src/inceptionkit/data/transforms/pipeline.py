"""Everything that is done to a batch of training images, in its order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from inceptionkit.data.rng import CounterRng
from inceptionkit.data.transforms.augmentation import Augmentation
from inceptionkit.data.transforms.boxes import draw_boxes, resamplers
from inceptionkit.data.transforms.color import distort
from inceptionkit.data.transforms.erasing import erase
from inceptionkit.data.transforms.pad import padded_crop
from inceptionkit.data.transforms.policies import apply
from inceptionkit.data.transforms.resize import crop_resize, normalised
from inceptionkit.preprocess import Preprocessing


def cropped(
    pixels: Tensor, shape: NDArray[np.float64], how: Augmentation, side: int, rng: CounterRng
) -> Tensor:
    """Cut a random crop out of each image in memory, on the device of `pixels`.

    Args:
        pixels: (batch, 3, height, width) uint8.
        shape: (batch,) width / height of the original images.
        how: how crops are drawn.
        side: of the result, pixels.
        rng: of the samples: the same sample gets the same crop in any batch.

    Returns:
        (batch, 3, side, side) float32, 0 to 255, mirrored where drawn so.
    """
    boxes = draw_boxes(how, shape, rng)
    return crop_resize(pixels, boxes, side, resamplers(how, rng))


def varied(
    crops: Tensor, how: Augmentation, preprocessing: Preprocessing, rng: CounterRng
) -> Tensor:
    """Move, distort, normalise and erase crops, in this order.

    Args:
        crops: (batch, 3, side, side), 0 to 255, mirrored already.
        how: what varies, and how much.
        preprocessing: whose mean and standard deviation to use.
        rng: of the samples.

    Returns:
        (batch, 3, side, side) float32, normalised.
    """
    crops = padded_crop(crops, how.padding, rng)
    if how.policy is not None:
        crops = apply(how.policy, crops.float(), rng)
    if how.photometric:
        crops = distort(crops.float(), how.photometric, rng)
    return erase(normalised(crops, preprocessing), how.erasing, rng)
