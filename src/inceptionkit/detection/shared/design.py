"""What a detector is, as plain data, and choosing one for a network and its images."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from inceptionkit.detection.shared.anchors import Sides, anchor_sides, balanced
from inceptionkit.errors import SpecError, did_you_mean
from inceptionkit.records import Between
from inceptionkit.spec import Block, Net, Step
from inceptionkit.spec.walk import Signal, walk

AMONG, PROPOSALS, MOST = 1000, 100, 100
"""Likeliest anchors, the regions that are made of them, and the boxes of an image: at least."""
OVERLAP = 0.7
"""The largest IoU of two regions."""
LEAST, SAME = 0.01, 0.5
"""Least score, and IoU from which two boxes are of one object."""
SPREAD = (0.1, 0.1, 0.2, 0.2)
"""Usual sizes of the differences between boxes: coded ones are of the size of 1."""
LARGEST = math.log(1000 / 16)
"""The largest coded logarithm of a side: no exponential overflows."""
NORM_EPS = 1e-3
"""Of the norms of the layers on the trunk."""

_PLACES, _MOST_PLACES = 2, 1000  # times the most objects of a training image; and the limit
ANCHORS = 4  # times the regions, where there are many
STRIDE = 8  # pixels between the cells that propose
_SMALLEST = 16  # pixels that the small objects of the training images shall have
_SHARE = 0.05  # of the objects that are smaller
_LEAST, _MOST = 256, 640  # pixels of the long side
_MOST_ASKED = 4096  # pixels of the long side, that --input-size takes
_WHOLE = 32  # sides are a multiple of it, so that every grid is


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """A trunk that is run on whole images, and what stands on it."""

    net: Net  # its head and exits are not used
    size: tuple[int, int]  # height and width of what the trunk sees, pixels
    taps: tuple[str, ...]  # blocks whose features are added up, the finest grid first
    rejecter: str  # block whose cells say where nothing is
    anchors: tuple[Sides, ...]  # height and width, pixels of that size
    channels: int = 96  # of the features of a region
    hidden: int = 256  # of the layer between a region and its class
    grid: int = 7  # bins along a side of a region
    among: Annotated[int, Between(1, 2**16)] = AMONG  # likeliest anchors that are looked at
    proposals: Annotated[int, Between(1, 2**16)] = PROPOSALS  # regions that are made of them
    most: Annotated[int, Between(1, 2**16)] = MOST  # boxes of an image

    def __post_init__(self) -> None:
        names = [name for name, _ in self.net.trunk]
        for name in (*self.taps, self.rejecter):
            if name not in names:
                msg = f"{self.net.name} has no block {name!r}; {did_you_mean(name, names)}"
                raise SpecError(msg)
        order = [names.index(name) for name in (self.rejecter, *self.taps)]
        if not self.taps or order != sorted(order) or len(set(self.taps)) < len(self.taps):
            msg = f"{self.net.name}: the blocks that are read must be in the order of the trunk, "
            raise SpecError(msg + f"got {', '.join((self.rejecter, *self.taps))}")
        if not self.anchors:
            msg = f"{self.net.name}: a detector needs an anchor"
            raise SpecError(msg)

    def blocks(self) -> Iterator[tuple[str, Block | Step]]:
        """The blocks of the trunk up to the last that is read, walked at the working size."""
        for name, block in trunk_blocks(self.net, self.size):
            yield name, block
            if name == self.taps[-1]:
                return

    def signal(self, name: str) -> Signal:
        """What leaves a block at the working size."""
        return next(block.output for found, block in self.blocks() if found == name)


def trunk_blocks(net: Net, size: tuple[int, int]) -> Iterator[tuple[str, Block | Step]]:
    """The blocks of the trunk on images of (height, width) pixels, by name.

    Raises:
        SpecError: a window does not fit.
    """
    x = Signal(net.image[0], size)
    for name, node in net.trunk:
        block = walk(f"trunk.{name}", node, x)
        x = block.output
        yield name, block


def choose_design(
    net: Net,
    image_sizes: NDArray[np.int64],
    sides: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    fullest: int = 0,
    long_side: int | None = None,
) -> Design:
    """The detector for some training images: its size, its anchors, and the blocks that it reads.

    Args:
        net: the network whose trunk it uses.
        image_sizes: (images, 2), height and width of each.
        sides: (boxes, 2), height and width of every object, relative to the long side of its image.
        labels: (boxes,) class of each object; every class counts the same, however many it has.
        fullest: most objects of an image; there are places for twice as many.
        long_side: of the images as the trunk sees them; None to choose.

    Raises:
        SpecError: the trunk cannot be run at that size.
    """
    sides = balanced(sides, labels)
    size = working_size(image_sizes, sides, long_side)
    taps, rejecter = choose_taps(net, size)
    places = min(_PLACES * fullest, _MOST_PLACES)
    proposals = max(PROPOSALS, places)
    return Design(
        net=net,
        size=size,
        taps=taps,
        rejecter=rejecter,
        anchors=anchor_sides((sides * max(size)).astype(np.float32)),
        among=max(AMONG, ANCHORS * proposals),
        proposals=proposals,
        most=max(MOST, places),
    )


def limits(
    design: Design, sides: NDArray[np.float32], labels: NDArray[np.int64], *, asked: bool
) -> list[str]:
    """What a person should know of a chosen size and of chosen limits, a sentence each.

    Args:
        design: as `choose_design` chose it.
        sides: as there.
        labels: as there.
        asked: its size was not chosen.
    """
    said, small = [], _small_side(balanced(sides, labels))
    if not asked and small * _MOST < _SMALLEST:
        wanted = min(_MOST_ASKED, math.ceil(round(_SMALLEST / small / _WHOLE, 3)) * _WHOLE)
        said.append(
            f"images are resized to {_MOST} pixels at most, so small objects get "
            f"{small * max(design.size):.1f}, fewer than {_SMALLEST}; --input-size {wanted} gives "
            "them more, and takes longer"
        )
    if design.most > MOST:
        said.append(
            f"training images are full: up to {design.most:,} objects are found in an image, "
            f"among {design.proposals:,} regions"
        )
    return said


def working_size(
    image_sizes: NDArray[np.int64], sides: NDArray[np.float32], long_side: int | None
) -> tuple[int, int]:
    """Height and width at which the trunk sees images: small, with small objects still visible.

    The shape is the median of the images', the short side rounded up. All but the smallest objects
    get `_SMALLEST` pixels.
    """
    if long_side is None:
        wanted = _SMALLEST / _small_side(sides)
        long_side = round(float(np.clip(wanted, _LEAST, _MOST)))
    ratio = float(np.median(image_sizes[:, 0] / image_sizes[:, 1]))
    long = max(1, round(long_side / _WHOLE)) * _WHOLE
    short = math.ceil(round(min(ratio, 1 / ratio) * long / _WHOLE, 3)) * _WHOLE
    return (short, long) if ratio < 1 else (long, short)


def _small_side(sides: NDArray[np.float32]) -> float:
    """Side of the small objects, relative to the long side of their images."""
    return float(np.quantile(np.sqrt(sides.prod(1)), _SHARE))


def choose_taps(net: Net, size: tuple[int, int]) -> tuple[tuple[str, ...], str]:
    """The last block of every grid from a stride of 8 pixels on, and where to look for emptiness.

    A trunk without such a stride is read at its coarsest grid. Emptiness is looked for after the
    first exit, or where the grid of the first tap begins.
    """
    strides = {name: block.output.stride[0] for name, block in trunk_blocks(net, size)}
    finest = max(stride for stride in strides.values() if stride <= STRIDE)
    last = {stride: name for name, stride in strides.items() if stride >= finest}
    taps, names = tuple(last.values()), list(strides)
    begins = next(name for name, stride in strides.items() if stride == finest)
    exits = [exit_.after for exit_ in net.exits]
    between = names[names.index(begins) : names.index(taps[0]) + 1]
    return taps, next((name for name in between if name in exits), begins)
