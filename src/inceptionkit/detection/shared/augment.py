"""Training images with their boxes, flipped, scaled and cropped as (seed, epoch, image) say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from inceptionkit.data.rng import CounterRng
from inceptionkit.detection.shared.loss import IGNORED, Targets
from inceptionkit.detection.types import AnnotatedImage, Boxes, Pixels

LARGER = 1.5  # times the working size at which images are kept: zooming in shows more of them
_ZOOM = (0.7, 1.4)  # times the working size
_BRIGHTNESS, _CONTRAST, _TINT = 0.15, 0.2, 0.06
_TRANSPOSED = 0.5  # share of images whose rows and columns change places, where both flips are on
_VISIBLE = 0.4  # share of an object that must be left by a crop for it to count


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """What happens to a training image and its boxes.

    Attributes:
        size: height and width of the result, pixels.
        flip: whether images are mirrored left to right; or top to bottom, too, and turned by a
            quarter: all eight ways in which a square can lie.
        fill: (3,) RGB of what lies outside the image.
    """

    size: tuple[int, int]
    flip: Literal["none", "horizontal", "both"]
    fill: tuple[int, int, int]


def kept(image: AnnotatedImage, size: tuple[int, int]) -> tuple[Pixels, Boxes]:
    """An image as it is kept in memory, not much larger than it is used, and its boxes.

    Raises:
        UnusableImage: it cannot be decoded.
    """
    pixels = image.pixels()
    height, width = pixels.shape[:2]
    scale = LARGER * min(size[0] / height, size[1] / width)
    if scale >= 1:
        return pixels, image.boxes
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    small = Image.fromarray(pixels).resize((columns, rows), Image.Resampling.BILINEAR)
    grown = np.array([columns / width, rows / height] * 2, np.float32)
    return np.array(small), image.boxes * grown


@dataclass(frozen=True, slots=True, eq=False)
class DecodedAgain(Sequence[tuple[Pixels, Boxes]]):
    """Images as `kept` gives them, decoded whenever they are used: more than memory holds."""

    images: Sequence[AnnotatedImage]
    size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.images)

    @overload
    def __getitem__(self, index: int) -> tuple[Pixels, Boxes]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[tuple[Pixels, Boxes]]: ...
    def __getitem__(
        self, index: int | slice
    ) -> tuple[Pixels, Boxes] | Sequence[tuple[Pixels, Boxes]]:
        if isinstance(index, slice):
            return DecodedAgain(self.images[index], self.size)
        return kept(self.images[index], self.size)


def batch(
    images: Sequence[tuple[Pixels, Boxes]],
    labels: Sequence[NDArray[np.int64]],
    how: Augmentation,
    rng: CounterRng,
) -> tuple[Tensor, Targets]:
    """A batch of augmented images.

    Args:
        images: pixels, and boxes in them.
        labels: class of each box; IGNORED where it does not count.
        how: what happens.
        rng: draws for each image.

    Returns:
        (batch, 3, *how.size) uint8, channels innermost; and the objects that are left.
    """
    zoom = np.exp(rng.between("zoom", *np.log(_ZOOM)))
    down, right = rng.uniform("down"), rng.uniform("right")
    flips = (rng.uniform("flip") < 0.5) & (how.flip != "none")
    upside_down = (rng.uniform("upside down") < 0.5) & (how.flip == "both")
    transposed = (rng.uniform("transpose") < _TRANSPOSED) & (how.flip == "both")
    shown, found = [], []
    for at, (pixels, boxes) in enumerate(images):
        scale = zoom[at] * min(how.size[0] / pixels.shape[0], how.size[1] / pixels.shape[1])
        turned = _transposed(pixels, boxes) if transposed[at] else (pixels, boxes)
        view, moved, share = _view(*turned, how, scale, (down[at], right[at]))
        view, moved = _flipped(view, moved, across=flips[at], over=upside_down[at])
        shown.append(view)
        found.append((moved, np.where(share >= _VISIBLE, labels[at], IGNORED), share > 0))
    stacked = torch.stack(shown).contiguous(memory_format=torch.channels_last)
    places = max(1, *(int(there.sum()) for _, _, there in found))
    all_boxes = torch.zeros(len(images), places, 4)
    all_labels = torch.full((len(images), places), IGNORED)
    for at, (moved, of, there) in enumerate(found):
        count = int(there.sum())
        all_boxes[at, :count] = torch.from_numpy(moved[there])
        all_labels[at, :count] = torch.from_numpy(of[there])
    return _recolored(stacked, rng), Targets(all_boxes, all_labels)


def _transposed(pixels: Pixels, boxes: Boxes) -> tuple[Pixels, Boxes]:
    """An image and its boxes, rows and columns in each other's place."""
    return pixels.transpose(1, 0, 2), boxes[:, [1, 0, 3, 2]]


def _view(
    pixels: Pixels,
    boxes: Boxes,
    how: Augmentation,
    scale: float,
    place: tuple[float, float],
) -> tuple[Tensor, Boxes, NDArray[np.float32]]:
    """A part of an image, or all of it with a border, and the boxes as they lie there.

    Args:
        pixels: (height, width, 3).
        boxes: (n, 4).
        how: the size, and the color of the border.
        scale: pixels that one of the image becomes.
        place: down and right, from 0 to 1: where the image lies within the room it has, or the view
            within the image.

    Returns:
        (3, *how.size) uint8; boxes, clipped; and the share of each that is visible.
    """
    view = torch.tensor(how.fill, dtype=torch.uint8).view(3, 1, 1).repeat(1, *how.size)
    source, target, factors, shifts = [], [], [], []
    for side, room, at in zip(pixels.shape[:2], how.size, place, strict=True):
        seen = min(side, max(1, round(room / scale)))  # pixels of the image
        length = min(room, max(1, round(seen * scale)))
        begin, to = round(at * (side - seen)), round(at * (room - length))
        source.append(slice(begin, begin + seen))
        target.append(slice(to, to + length))
        factors.append(length / seen)
        shifts.append(to - begin * length / seen)
    part = torch.tensor(pixels[source[0], source[1]]).permute(2, 0, 1)
    size = [each.stop - each.start for each in target]
    view[:, target[0], target[1]] = interpolate(
        part[None], size=size, mode="bilinear", antialias=True
    )[0]
    factor = np.array([factors[1], factors[0]] * 2, np.float32)
    shift = np.array([shifts[1], shifts[0]] * 2, np.float32)
    moved = boxes * factor + shift
    low = np.array([target[1].start, target[0].start], np.float32)
    high = np.array([target[1].stop, target[0].stop], np.float32)
    inside = np.clip(moved, np.tile(low, 2), np.tile(high, 2)).astype(np.float32)
    area = (moved[:, 2:] - moved[:, :2]).prod(1)
    share = (inside[:, 2:] - inside[:, :2]).prod(1) / np.maximum(area, 1e-6)
    return view, inside, share.astype(np.float32)


def _flipped(view: Tensor, boxes: Boxes, *, across: bool, over: bool) -> tuple[Tensor, Boxes]:
    """An image and its boxes, mirrored left to right, or top to bottom."""
    height, width = view.shape[1:]
    x1, y1, x2, y2 = boxes.T
    if across:
        view, x1, x2 = view.flip(2), width - x2, width - x1
    if over:
        view, y1, y2 = view.flip(1), height - y2, height - y1
    return view, np.stack([x1, y1, x2, y2], 1)


def _recolored(images: Tensor, rng: CounterRng) -> Tensor:
    """Images in another light: brightness, contrast, and a tint of each channel."""
    factors = 1 + np.stack(
        [rng.between(f"tint {channel}", -_TINT, _TINT) for channel in range(3)], 1
    )
    contrast = 1 + rng.between("contrast", -_CONTRAST, _CONTRAST)[:, None]
    brightness = 255 * rng.between("brightness", -_BRIGHTNESS, _BRIGHTNESS)[:, None]
    gain = torch.from_numpy((factors * contrast).astype(np.float32))[..., None, None]
    shift = 127.5 * (1 - contrast) + brightness
    moved = images * gain + torch.from_numpy(shift.astype(np.float32))[..., None, None]
    return moved.clamp_(0, 255)
