"""Table 1 of "Going Deeper with Convolutions", arXiv:1409.4842."""

from __future__ import annotations

from functools import partial

from inceptionkit.derive.paper.columns import (
    FIVE,
    FIVE_REDUCED,
    ONE,
    OUTPUT,
    PROJECTED,
    THREE,
    THREE_REDUCED,
    Column,
    counted,
    macs,
    weights,
)
from inceptionkit.derive.paper.table import Table, module, rows_of, widths

agrees = partial(counted, {"K": 1024, "M": 1e6})
COLUMNS = (
    OUTPUT,
    ONE,
    THREE_REDUCED,
    THREE,
    FIVE_REDUCED,
    FIVE,
    PROJECTED,
    Column("weights", weights, agrees, always=True),
    Column("MACs", macs, agrees, always=True),
)
_STEM = (
    "2,712 weights and 34.0 M are those of a separable layer of depth multiplier 8, as the batch "
    "norm paper describes its first layer; every published GoogLeNet is dense"
)
WIDTHS = (
    "the printed MACs follow from the printed widths, the printed parameters do not; "
    "presumably that column was computed for slightly other widths"
)
PLAIN = ("",) * 6  # a row without modules prints no widths
_WIDER = "the printed widths give 1018K and 51.1 M; presumably both are of a wider module"


# fmt: off
ROWS = rows_of(
    COLUMNS,
    ("convolution 7x7/2", "conv1", "112x112x64", *PLAIN, "2.7K", "34M", _STEM),
    ("max pool 3x3/2", "pool1", "56x56x64", *PLAIN, "", ""),
    ("convolution 3x3/1", "conv2 conv3", "56x56x192", *widths("- 64 192 - - -"), "112K", "360M"),
    ("max pool 3x3/2", "pool2", "28x28x192", *PLAIN, "", ""),
    module("3a", "28x28x256", "64 96 128 16 32 32", "159K", "128M"),
    module("3b", "28x28x480", "128 128 192 32 96 64", "380K", "304M"),
    ("max pool 3x3/2", "pool3", "14x14x480", *PLAIN, "", ""),
    module("4a", "14x14x512", "192 96 208 16 48 64", "364K", "73M", WIDTHS),
    module("4b", "14x14x512", "160 112 224 24 64 64", "437K", "88M"),
    module("4c", "14x14x512", "128 128 256 24 64 64", "463K", "100M", WIDTHS),
    module("4d", "14x14x528", "112 144 288 32 64 64", "580K", "119M", WIDTHS),
    module("4e", "14x14x832", "256 160 320 32 128 128", "840K", "170M", WIDTHS),
    ("max pool 3x3/2", "pool4", "7x7x832", *PLAIN, "", ""),
    module("5a", "7x7x832", "256 160 320 32 128 128", "1072K", "54M", _WIDER),
    module("5b", "7x7x1024", "384 192 384 48 128 128", "1388K", "71M", WIDTHS),
    ("avg pool 7x7/1", "head.pool", "1x1x1024", *PLAIN, "", ""),
    ("linear", "head.classifier", "1x1x1000", *PLAIN, "1000K", "1M"),
)
# fmt: on
GOOGLENET = Table(
    source='"Going Deeper with Convolutions", arXiv:1409.4842, table 1',
    image=(3, 224, 224),
    columns=COLUMNS,
    notes=(
        'K is 1,024 weights without biases, and an "op" a multiply-accumulate',
        "AlexNet's 60,965,224 parameters are 8.7 times as many, not the 12 times of the text",
    ),
    rows=ROWS,
)
