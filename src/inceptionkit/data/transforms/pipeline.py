"""Everything that is done to a batch of crops, in its order."""

from __future__ import annotations

from torch import Tensor

from inceptionkit.data.rng import CounterRng
from inceptionkit.data.transforms.augmentation import Augmentation, PaddedCrop
from inceptionkit.data.transforms.erasing import erase
from inceptionkit.data.transforms.pad import padded_crop
from inceptionkit.data.transforms.policies import apply
from inceptionkit.network.normalize import normalize
from inceptionkit.preprocess import Preprocessing


def augment(
    crops: Tensor, how: Augmentation, preprocessing: Preprocessing, rng: CounterRng
) -> Tensor:
    """Move, distort, normalize and erase crops, in this order.

    Args:
        crops: (batch, 3, side, side), 0 to 255, flipped already.
        how: what varies, and how much.
        preprocessing: whose mean and standard deviation to use.
        rng: of the samples.

    Returns:
        (batch, 3, side, side) float32, normalized.
    """
    if isinstance(how.crop, PaddedCrop):
        crops = padded_crop(crops, how.crop.padding, rng)
    if how.policy is not None:
        crops = apply(how.policy, crops.float(), rng)
    crops = normalize(crops, preprocessing.mean, preprocessing.std)
    return erase(crops, how.erasing, rng) if how.erasing else crops
