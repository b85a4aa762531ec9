"""Figure 5 of "Batch Normalization", arXiv:1502.03167, which prints the table of BN-Inception."""

from __future__ import annotations

from inceptionkit.derive.paper.columns import (
    DOUBLE,
    DOUBLE_REDUCED,
    ONE,
    OUTPUT,
    OWN_COSTS,
    POOL,
    THREE,
    THREE_REDUCED,
)
from inceptionkit.derive.paper.table import Table, module, rows_of, widths

COLUMNS = (OUTPUT, ONE, THREE_REDUCED, THREE, DOUBLE_REDUCED, DOUBLE, POOL, *OWN_COSTS)
COSTS = ("", "")  # are not printed
PLAIN = ("",) * 6
_GRID = "the printed grid is what enters the module, which has stride 2; what leaves it is smaller"
NARROW = (
    "the printed projection of 128 makes the module 608 wide, not the 576 that are printed beside "
    "it; this network takes the width, bn_inception:608 the projection"
)
_TEXT = (
    "the 13.6 million parameters of the text do not follow from the table, which prints no costs"
)
FIRST = (
    "the first layer of the paper is separable, with eight maps per channel, as in "
    "bn_inception:tf_slim; other published networks have it dense"
)
# fmt: off
ROWS = rows_of(
    COLUMNS,
    ("convolution 7x7/2", "conv1", "112x112x64", *PLAIN, *COSTS),
    ("max pool 3x3/2", "pool1", "56x56x64", *PLAIN, *COSTS),
    ("convolution 3x3/1", "conv2 conv3", "56x56x192", *widths("- 64 192 - - -"), *COSTS),
    ("max pool 3x3/2", "pool2", "28x28x192", *PLAIN, *COSTS),
    module("3a", "28x28x256", "64 64 64 64 96 avg+32", *COSTS),
    module("3b", "28x28x320", "64 64 96 64 96 avg+64", *COSTS),
    module("3c", "28x28x576", "0 128 160 64 96 max+pass", *COSTS, _GRID),
    module("4a", "14x14x576", "224 64 96 96 128 avg+128", *COSTS),
    module("4b", "14x14x576", "192 96 128 96 128 avg+128", *COSTS),
    module("4c", "14x14x576", "160 128 160 128 160 avg+128", *COSTS, NARROW),
    module("4d", "14x14x576", "96 128 192 160 192 avg+128", *COSTS, NARROW),
    module("4e", "14x14x1024", "0 128 192 192 256 max+pass", *COSTS, _GRID),
    module("5a", "7x7x1024", "352 192 320 160 224 avg+128", *COSTS),
    module("5b", "7x7x1024", "352 192 320 192 224 max+128", *COSTS),
    ("avg pool 7x7/1", "head.pool", "1x1x1024", *PLAIN, *COSTS),
)
# fmt: on
BN_INCEPTION = Table(
    source='"Batch Normalization", arXiv:1502.03167, figure 5',
    image=(3, 224, 224),
    columns=COLUMNS,
    notes=(
        "r is the 1x1 that reduces before a convolution, dbl two 3x3 of the same width",
        "pass is the pool's input, which goes on as it is",
        _TEXT,
        FIRST,
    ),
    rows=ROWS,
)
