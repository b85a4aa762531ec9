"""Varying the training images, a batch at once, on the device that trains.

What is wanted is in `data.augmentation`, which crops are drawn in `data.boxes`: both without torch.
"""

from inception.data.augment.batch import cropped, varied
from inception.data.augment.mixing import Mixture, draw_mixture, mix
from inception.data.augment.resampling import crop_resize, normalised

__all__ = ["Mixture", "crop_resize", "cropped", "draw_mixture", "mix", "normalised", "varied"]
