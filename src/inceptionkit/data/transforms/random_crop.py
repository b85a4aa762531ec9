"""Random crops: drawn before any pixel is decoded, and cut out of encoded or decoded images."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import embedding_bag

from inceptionkit.data.rng import CounterRng
from inceptionkit.data.transforms.augmentation import Augmentation, Cropping, PaddedCrop
from inceptionkit.data.types import Raw
from inceptionkit.preprocess import (
    RESAMPLERS,
    Box,
    Resampler,
    UnusableImage,
    as_rgb,
    crop_from_encoded,
    crop_from_pixels,
    header,
)

Undecoded: TypeAlias = Raw | UnusableImage
"""What a dataset gave of an image, or why it gave nothing."""

_ATTEMPTS = 10  # draws of a crop before it is cut to the image, as in the published pipelines
PIXELS_PER_PASS = 2**20  # pixel values resized at once on a CPU: 4 MiB, which its cache holds

_Weights: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
_Taps: TypeAlias = tuple[Tensor, Tensor]
"""Which lines make up each line of a result, (batch, side, taps) int64, and their weights."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """One crop per image, in shares of the image's height and width."""

    top: NDArray[np.float64]
    left: NDArray[np.float64]
    height: NDArray[np.float64]
    width: NDArray[np.float64]
    mirrored: NDArray[np.bool_]

    def box(self, place: int) -> Box:
        """The crop of one image."""
        fields = (self.top, self.left, self.height, self.width)
        return Box(*(float(values[place]) for values in fields))


Rectangles: TypeAlias = tuple[
    NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]
]


def draw_boxes(how: Augmentation, shape: NDArray[np.float64], rng: CounterRng) -> Boxes:
    """Draw a crop for each image.

    Args:
        how: the distribution.
        shape: (batch,) width / height of the original images.
        rng: of the samples; the same sample gets the same crop in any batch.

    Returns:
        Crops inside the image: area and the logarithm of the aspect are uniform; the central
        square where it is moved later.
    """
    crop = how.crop
    if isinstance(crop, PaddedCrop):
        height, width = np.minimum(1.0, shape), np.minimum(1.0, 1.0 / shape)
        rectangles = (1.0 - height) / 2, (1.0 - width) / 2, height, width
    else:
        area, aspect = (crop.area_low, crop.area_high), (1 / crop.aspect, crop.aspect)
        rectangles = draw_rectangles(area, aspect, shape, rng, name="crop")
    mirrored = np.zeros(len(shape), np.bool_)
    if how.flip == "random":
        mirrored = rng.uniform("mirror") < 0.5
    elif how.flip == "alternating":
        in_even_epochs = replace(rng, epoch=0).uniform("mirror") < 0.5
        mirrored = in_even_epochs ^ (rng.epoch % 2 == 1)
    return Boxes(*rectangles, mirrored)


def draw_rectangles(
    area: tuple[float, float],
    aspect: tuple[float, float],
    shape: NDArray[np.float64],
    rng: CounterRng,
    *,
    name: str,
) -> Rectangles:
    """Draw a rectangle inside each image.

    Returns:
        Top, left, height and width, in shares of the image. A draw that is wider or taller than its
        image is drawn again, up to ten times, then cut.
    """
    width, height = np.full(len(shape), np.inf), np.full(len(shape), np.inf)
    for attempt in range(_ATTEMPTS):
        again = (width > 1.0) | (height > 1.0)
        if not again.any():
            break
        share = rng.between(f"{name} area {attempt}", *area)
        ratio = np.exp(rng.between(f"{name} aspect {attempt}", *map(math.log, aspect)))
        width = np.where(again, np.sqrt(share * ratio / shape), width)
        height = np.where(again, np.sqrt(share / ratio * shape), height)
    width, height = np.minimum(width, 1.0), np.minimum(height, 1.0)
    top = (1.0 - height) * rng.uniform(f"{name} top")
    left = (1.0 - width) * rng.uniform(f"{name} left")
    return top, left, height, width


def draw_resamplers(rng: CounterRng) -> list[Resampler]:
    """By which interpolation each image is resized, where it is random."""
    names = tuple(RESAMPLERS)
    return [names[number] for number in rng.below("interpolation", len(names)).tolist()]


def crops_from_encoded(
    raws: Sequence[Undecoded], cropping: Cropping, indices: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], dict[int, str]]:
    """Cut a random crop out of each encoded image, decoding no more than it needs.

    Args:
        raws: the images' files, their bytes or their pixels; or why there are none.
        cropping: which crops are drawn.
        indices: (batch,) of the images: the same image gets the same crop in any batch.

    Returns:
        (batch, side, side, 3), mirrored where drawn so; and of images that cannot be used, whose
        places are not filled, place -> why.
    """
    shape = np.array([_aspect(raw) for raw in raws])
    how, side, rng = cropping.how, cropping.side, CounterRng(cropping.seed, cropping.epoch, indices)
    boxes = draw_boxes(how, shape, rng)
    if how.interpolation == "random":
        names = draw_resamplers(rng)
    else:
        names = [how.interpolation] * len(raws)
    crops, reasons = np.empty((len(raws), side, side, 3), np.uint8), dict[int, str]()
    for place, (raw, name) in enumerate(zip(raws, names, strict=True)):
        flip = bool(boxes.mirrored[place])
        try:
            crops[place] = _crop(raw, boxes.box(place), side, name, mirrored=flip)
        except UnusableImage as error:
            reasons[place] = error.reason
    return crops, reasons


def _aspect(raw: Undecoded) -> float:
    """Width / height; 1 if it cannot be used, which cutting it will report."""
    if isinstance(raw, np.ndarray):
        return float(raw.shape[1] / raw.shape[0])
    try:
        size = header(_or_raise(raw))
    except UnusableImage:
        return 1.0
    return size.width / size.height


def _crop(
    raw: Undecoded, box: Box, side: int, resampler: Resampler, *, mirrored: bool
) -> NDArray[np.uint8]:
    if isinstance(raw, np.ndarray):
        return crop_from_pixels(as_rgb(raw), box, side, resampler, mirrored=mirrored)
    return crop_from_encoded(_or_raise(raw), box, side, resampler, mirrored=mirrored)


def _or_raise(raw: bytes | Path | UnusableImage) -> bytes | Path:
    if isinstance(raw, UnusableImage):
        raise raw
    return raw


def crop_resize(
    images: Tensor, boxes: Boxes, side: int, resamplers: Sequence[Resampler] = ("bilinear",)
) -> Tensor:
    """Cut each image to its box and resize it, antialiased: columns first, then rows.

    Args:
        images: (batch, 3, height, width) uint8.
        boxes: a crop per image.
        side: of the result, pixels.
        resamplers: how to resize each image, or one for all; "nearest" does not antialias.

    Returns:
        (batch, 3, side, side) float32, 0 to 255, channels innermost in memory.
    """
    _, _, height, width = images.shape
    whole = bool((boxes.height == 1.0).all() and (boxes.width == 1.0).all())
    if whole and height == width == side:  # every filter would give each pixel itself
        crops = images.to(torch.float32, memory_format=torch.channels_last)
        mirrored = torch.from_numpy(boxes.mirrored).to(images.device)
        return torch.where(mirrored[:, None, None, None], crops.flip(3), crops)
    rows = _filter_taps(boxes.top * height, boxes.height * height, height, side, resamplers)
    cols = _filter_taps(boxes.left * width, boxes.width * width, width, side, resamplers)
    mirrored = torch.from_numpy(boxes.mirrored)[:, None, None]
    mirrored_cols = (torch.where(mirrored, part.flip(1), part) for part in cols)
    together = PIXELS_PER_PASS // images.shape[1:].numel() if images.is_cpu else len(images)
    wholes = (images, *mirrored_cols, *rows)
    resized = []
    for part, *taps in zip(
        *(torch.split(whole, max(1, together)) for whole in wholes), strict=True
    ):
        columns = part.permute(0, 3, 2, 1)
        columns = columns.to(torch.float32, memory_format=torch.contiguous_format)
        narrow = _summed(columns, *taps[:2])  # (batch, side, height, 3)
        resized.append(_summed(narrow.transpose(1, 2), *taps[2:]))
    crops = torch.cat(resized).permute(0, 3, 1, 2)
    return crops.clamp_(0, 255) if "bicubic" in resamplers else crops


def _summed(lines: Tensor, places: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums of a few lines each: (batch, lines, ...) float32 -> (batch, side, ...).

    What `embedding_bag` was made for; a matrix product would multiply mostly by zeros.
    """
    batch, count, *line = lines.shape
    places, weights = (part.to(lines.device) for part in (places, weights))
    places = places + count * torch.arange(batch, device=lines.device)[:, None, None]
    table = lines.reshape(batch * count, -1)
    sums = embedding_bag(
        places.flatten(0, 1), table, per_sample_weights=weights.flatten(0, 1), mode="sum"
    )
    return sums.view(batch, -1, *line)


def _filter_taps(
    start: NDArray[np.float64],
    length: NDArray[np.float64],
    cells: int,
    side: int,
    resamplers: Sequence[Resampler],
) -> _Taps:
    """Cells that make up each pixel of a crop, and their weights, which add up to one.

    The supports are those of Pillow's filters: so many output pixels when shrinking, so many
    input pixels when enlarging. Beyond the image nothing is read.
    """
    begin = torch.from_numpy(start.astype(np.float32))[:, None, None]
    scale = torch.from_numpy((length / side).astype(np.float32))[:, None, None]
    center = begin + (torch.arange(side)[None, :, None] + 0.5) * scale
    center = center.clamp_max(float(np.nextafter(np.float32(cells), np.float32(0))))
    kinds = sorted(set(resamplers))
    reach = scale.clamp_min(1.0) * max(_REACH[kind] for kind in kinds)
    count = min(cells, math.ceil(2 * float(reach.max())) + 1)
    first = (center - reach).floor().clamp(0, cells - count)
    place = first + torch.arange(count) + 0.5
    if len(kinds) == 1:
        weight = _FILTERS[kinds[0]](place, center, scale)
    else:
        weight = torch.empty_like(place)
        for kind in kinds:
            chosen = torch.tensor([name == kind for name in resamplers])
            weight[chosen] = _FILTERS[kind](place[chosen], center[chosen], scale[chosen])
    total = weight.cumsum(2)[:, :, -1:]  # in order: zeros, of which a batch may need more, add none
    return place.long(), weight / total


def triangle(place: Tensor, center: Tensor, scale: Tensor) -> Tensor:
    """Weights of the cells at `place` for a pixel at `center`, falling linearly."""
    return (1 - (place - center).abs() / scale.clamp_min(1.0)).clamp_min(0.0)


def mean(place: Tensor, center: Tensor, scale: Tensor) -> Tensor:
    """The same weight for all cells within a pixel: their mean."""
    distance = (place - center) / scale.clamp_min(1.0)
    return ((distance > -0.5) & (distance <= 0.5)).float()


def _pick(place: Tensor, center: Tensor, _: Tensor) -> Tensor:
    """All weight on the cell that `center` lies in."""
    return (place == center.floor() + 0.5).float()


def cubic(place: Tensor, center: Tensor, scale: Tensor) -> Tensor:
    """Piecewise cubic weights, some below zero: Keys' with a = -1/2, as Pillow has them.

    Sources:
        Keys 1981, doi:10.1109/TASSP.1981.1163711.
    """
    x = (place - center).abs() / scale.clamp_min(1.0)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, 0.0))


_FILTERS: Mapping[Resampler, _Weights] = MappingProxyType(
    {"bilinear": triangle, "area": mean, "nearest": _pick, "bicubic": cubic}
)
_REACH: Mapping[Resampler, float] = MappingProxyType(
    {"bilinear": 1.0, "area": 0.5, "nearest": 0.5, "bicubic": 2.0}
)
"""How far a filter sees from its center: in pixels of the result, or of the image if larger."""
