"""One image looked at: what its header says, and numbers about its pixels."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inceptionkit.data.types import Dataset, Raw, content_hash
from inceptionkit.preprocess import ImageHeader, as_rgb, examine, header

ImageStats: TypeAlias = NDArray[np.void]  # rows of STATS_DTYPE, one per image
Pixels: TypeAlias = NDArray[np.uint8]

_STATS_SIDE = 160  # pixels: longest side at which brightness and sharpness are judged
THUMBNAIL = 16  # pixels: side of what near-duplicates are found by
_WHOLE_PIXELS = tuple(THUMBNAIL * 2**power for power in range(1, 8))  # of a side: see `thumbnails`
IMAGES_PER_STACK = 1024  # images at once
_SHARP_FROM = 32  # pixels: sharpness of an image with a shorter side is not judged
_BLUR_WIDTH = 9  # pixels of `_STATS_SIDE` over which `softness` averages

STATS_DTYPE = np.dtype(
    [
        ("usable", "?"),
        ("height", "i4"),  # pixels, upright
        ("width", "i4"),
        ("mode", "S8"),  # Pillow's name of the stored colors: "RGB", "CMYK"
        ("format", "S8"),
        ("orientation", "u1"),  # EXIF, 1 is upright as stored
        ("animated", "?"),
        ("deep", "?"),  # more than 8 bits a channel
        ("unended", "?"),  # a JPEG without its end marker
        ("pixels", "u8"),  # hash of all pixels: equal for exact copies, however they are encoded
        ("low", "u1"),  # brightness, 0 to 255, that 5 % of the pixels do not exceed
        ("high", "u1"),  # that 95 % do not exceed
        ("spread", "f4"),  # standard deviation of the channel that varies most, 0 to 127.5
        ("softness", "f4"),  # 0 sharp to 1 blurred; 0 where it is not judged
        ("thumbnail", "u1", (THUMBNAIL, THUMBNAIL, 3)),
    ]
)
"""What is known of an image after one look. A change of it makes cached looks worthless."""


def inspect_image(dataset: Dataset, index: int, row: np.void, depth: int = 16) -> None:
    """Decode one image and fill a `row` of STATS_DTYPE.

    Args:
        dataset: that holds it.
        index: of its sample.
        row: to be filled.
        depth: bits that deep images use, as `Preprocessing.depth` says.

    Raises:
        UnusableImage: it cannot be used; the row is left as it was.
    """
    seen, pixels = _seen(dataset.read(index), depth)
    image = Image.fromarray(pixels)
    small = image.reduce(max(1, -(-max(image.size) // _STATS_SIDE)))
    grey = small.convert("L")
    low, high = _brightness(grey)
    row["height"], row["width"] = pixels.shape[:2]
    row["mode"], row["format"] = seen.mode.encode(), seen.format.encode()
    row["orientation"], row["animated"], row["deep"] = seen.orientation, seen.animated, seen.deep
    row["unended"] = seen.unended
    row["pixels"] = content_hash(pixels)
    row["low"], row["high"], row["spread"] = low, high, _spread(small)
    row["softness"] = softness(grey) if min(pixels.shape[:2]) >= _SHARP_FROM else 0.0
    row["thumbnail"] = thumbnail(pixels)
    row["usable"] = True


def thumbnail(pixels: Pixels) -> Pixels:
    """Squeeze an image of any shape into (16, 16, 3)."""
    image, side = Image.fromarray(pixels), (THUMBNAIL, THUMBNAIL)
    return np.asarray(image.resize(side, Image.Resampling.BOX, reducing_gap=2.0))


def thumbnails(pixels: Pixels, threads: int = 1) -> Pixels:
    """What `thumbnail` gives of each of (images, height, width, 3), as (images, 16, 16, 3).

    Squares of 32, 64 ... pixels are squeezed stacked on one another, since none of their pixels
    goes into two of a thumbnail's: a few calls instead of one for each.

    Args:
        pixels: images of one size.
        threads: how many stacks are squeezed at once.
    """
    count, height, width, _ = pixels.shape
    small = np.empty((count, THUMBNAIL, THUMBNAIL, 3), np.uint8)
    if height != width or height not in _WHOLE_PIXELS:
        for at, image in enumerate(pixels):
            small[at] = thumbnail(image)
        return small

    def squeeze(start: int) -> None:
        some = pixels[start : start + IMAGES_PER_STACK]
        squeezed = _squeezed(Image.fromarray(some.reshape(-1, width, 3)), len(some))
        small[start : start + IMAGES_PER_STACK] = squeezed.reshape(-1, *small.shape[1:])

    with ThreadPoolExecutor(threads, thread_name_prefix="squeeze") as pool:
        list(pool.map(squeeze, range(0, count, IMAGES_PER_STACK)))
    return small


def _squeezed(stack: Image.Image, count: int) -> Pixels:
    """Thumbnails of squares that are stacked: reduced, then along rows, then along columns.

    That is how Pillow takes a single one; of a tall stack it would begin with the columns, and
    round some levels otherwise.
    """
    if (times := stack.width // THUMBNAIL // 2) > 1:
        stack = stack.reduce(times)
    for height in (stack.height, count * THUMBNAIL):
        stack = stack.resize((THUMBNAIL, height), Image.Resampling.BOX)
    return np.asarray(stack)


def softness(grey: Image.Image) -> float:
    """How blurred a grey image looks, from 0 (sharp) to 1: what little another blur changes.

    Sources:
        F. Crete, T. Dolmiere, P. Ladret, M. Nicolas (2007), The blur effect: perception and
        estimation with a new no-reference perceptual blur metric, doi:10.1117/12.702790.
    """
    rows = np.asarray(grey, np.float32)
    return max(_softness_along(rows), _softness_along(np.ascontiguousarray(rows.T)))


def _softness_along(rows: NDArray[np.float32]) -> float:
    if rows.shape[1] <= _BLUR_WIDTH + 1:
        return 0.0
    sums = np.cumsum(rows, axis=1, dtype=np.float32)
    blurred = (sums[:, _BLUR_WIDTH:] - sums[:, :-_BLUR_WIDTH]) / np.float32(_BLUR_WIDTH)
    half = _BLUR_WIDTH // 2
    steps = np.abs(np.diff(rows, axis=1))[:, half + 1 : half + blurred.shape[1]]
    left = np.abs(np.diff(blurred, axis=1))
    total = float(steps.sum())
    return 1.0 - float(np.maximum(steps - left, 0).sum()) / total if total else 0.0


def _seen(raw: Raw, depth: int) -> tuple[ImageHeader, Pixels]:
    """What the header says, and the pixels, upright RGB."""
    if not isinstance(raw, np.ndarray):
        return examine(raw) if depth == 16 else (header(raw), as_rgb(raw, depth))
    height, width = raw.shape[:2]
    mode = "L" if raw.ndim == 2 else "RGB"
    seen = ImageHeader(width=width, height=height, mode=mode, format="pixels", orientation=1)
    return seen, as_rgb(raw)


def _brightness(grey: Image.Image) -> tuple[int, int]:
    """What 5 and 95 % of the pixels do not exceed."""
    counts = np.cumsum(grey.histogram())
    low, high = np.searchsorted(counts, (0.05 * counts[-1], 0.95 * counts[-1]))
    return int(low), int(high)


def _spread(image: Image.Image) -> float:
    """Standard deviation of the channel that varies most."""
    counts = np.array(image.histogram(), np.float64).reshape(3, 256)
    shares = counts / counts.sum(axis=1, keepdims=True)
    level = np.arange(256)
    variance = shares @ level**2 - (shares @ level) ** 2
    return float(np.sqrt(max(0.0, float(variance.max()))))
