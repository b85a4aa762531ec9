"""Varying the training images, a batch at once, on the device that trains.

What is wanted is in `data.augmentation`, which crops are drawn in `data.boxes`: both without torch.
"""

from inceptionkit.data.transforms.mixup import Mixture, draw_mixture, mix
from inceptionkit.data.transforms.pipeline import cropped, varied
from inceptionkit.data.transforms.resize import crop_resize, normalised

__all__ = ["Mixture", "crop_resize", "cropped", "draw_mixture", "mix", "normalised", "varied"]
