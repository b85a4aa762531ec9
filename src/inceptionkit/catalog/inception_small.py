"""An Inception network for images of 16 to 160 pixels, made for training on a CPU. Ours.

A CPU multiplies fastest in 3x3 convolutions of many channels, and every further operator costs a
pass over the activations. So the modules have two paths only: a 3x3 convolution that carries the
width and reads its input directly, and a 1x1 beside it. Pools of 2x2 halve the grid between them,
and one convolution of 2x2 is the stem. It has no norm, so that it can whiten patches of images from
the start (arXiv:2404.00498, section 3.1); its 24 channels are the 12 main axes of 2x2 pixels, each
with both signs. Up to 48 pixels it keeps the grid, above it halves it. All else is the same, so
that one set of widths, and of weights, serves both: 32 px give grids of 31, 15, 7 and 3 cells a
side, as 64 px give 32, 16, 8 and 4. Heads average over the grid, so that any input size serves.
"""

from __future__ import annotations

from inceptionkit.errors import SpecError
from inceptionkit.spec import Conv, Exit, GlobalPool, Linear, Net, Pool, Split, named

_SMALLEST = 9  # pixels, so that one cell is left when the grid was halved three times
_FINE = 48  # pixels; the largest input whose grid the stem keeps


def inception_small(side: int = 32) -> Net:
    """Build the spec for square images of `side` pixels and 10 classes.

    Raises:
        SpecError: the image is too small.
    """
    if side < _SMALLEST:
        msg = f"inception_small: a {side}x{side} image is too small; the smallest is {_SMALLEST}"
        raise SpecError(msg)

    def row(c1: int, c3: int) -> Split:
        """Widths of the 1x1 path and of the 3x3 path."""
        return Split((("p1", (Conv(c1),)), ("p3", (Conv(c3, (3, 3)),))))

    halve, stride = Pool("max", (2, 2), stride=2, padding="valid"), 1 if side <= _FINE else 2
    head = (GlobalPool(), Linear(10, classifier=True))
    return Net(
        name="inception_small",
        source="this project",
        image=(3, side, side),
        trunk=named(
            conv1=Conv(24, (2, 2), stride, padding="valid", norm=None, bias=True),
            conv2=Conv(32, (3, 3)),
            pool2=halve,
            inception3a=row(48, 80),
            pool3=halve,
            inception4a=row(48, 112),
            inception4b=row(48, 112),
            inception4c=row(64, 112),
            pool4=halve,
            inception5a=row(96, 192),
            inception5b=row(96, 192),
            inception5c=row(96, 256),
        ),
        head=head,
        exits=(
            Exit(name="exit1", after="inception3a", head=head, loss_weight=0.3),
            Exit(name="exit2", after="inception4b", head=head, loss_weight=0.3),
        ),
    )
