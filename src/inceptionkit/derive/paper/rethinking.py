"""Table 1 of "Rethinking the Inception Architecture", arXiv:1512.00567.

It prints windows, grids and outer widths of Inception-v2. The network that was released as
Inception-v3 is not this one; its rows stand beside the same table.
"""

from __future__ import annotations

from collections.abc import Mapping

from inceptionkit.derive.paper.columns import INPUT, OWN_COSTS, WINDOW
from inceptionkit.derive.paper.table import Table, rows_of

COLUMNS = (WINDOW, INPUT, *OWN_COSTS)
# fmt: off
_PRINTED = (
    ("conv", "3x3/2", "299x299x3"),
    ("conv", "3x3/1", "149x149x32"),
    ("conv padded", "3x3/1", "147x147x32"),
    ("pool", "3x3/2", "147x147x64"),
    ("conv", "3x3/1", "73x73x64"),
    ("conv", "3x3/2", "71x71x80"),
    ("conv", "3x3/1", "35x35x192"),
    ("3 x inception", "3", "35x35x288"),
    ("5 x inception", "5", "17x17x768"),
    ("2 x inception", "2", "8x8x1280"),
    ("pool 8x8", "", "8x8x2048"),
    ("linear", "", "1x1x2048"),
)
# fmt: on
SOURCE = '"Rethinking the Inception Architecture", arXiv:1512.00567, table 1'
_READING = (
    "the table prints what enters a row; the window is that of its first layer, of modules their "
    "number; costs are ours"
)
_REDUCTIONS = (
    "what reduces the grid between modules is not printed; here it is counted with those before it"
)


def table(blocks: tuple[str, ...], notes: tuple[str, ...], why: Mapping[str, str]) -> Table:
    """The printed rows for a network with these blocks; `why` explains rows by their blocks."""
    rows = [
        (name, ours, window, enters, "", "", why.get(ours, ""))
        for (name, window, enters), ours in zip(_PRINTED, blocks, strict=True)
    ]
    return Table(
        source=SOURCE,
        image=(3, 299, 299),
        columns=COLUMNS,
        notes=(_READING, _REDUCTIONS, *notes),
        rows=rows_of(COLUMNS, *rows),
    )


_PADDED = "the convolution on 35x35x192 is not marked as padded, but leaves 35x35, so it is"
_INNER = (
    "the widths inside the modules were in a supplement that is not to be had; with those of the "
    "released Inception-v3 the network has 25.5 million parameters and 6.2 billion "
    "multiply-accumulates, where the text says under 25 million and 5 billion"
)
INCEPTION_V2 = table(
    (
        "conv1",
        "conv2",
        "conv3",
        "pool",
        "conv4",
        "conv5",
        "conv6",
        "mixed5a mixed5b mixed5c reduce5",
        "mixed6a mixed6b mixed6c mixed6d mixed6e reduce6",
        "mixed7a mixed7b",
        "head.pool",
        "head.classifier",
    ),
    (_PADDED, _INNER),
    {},
)
_RELEASED = "Inception-v3 as it was released is not the network of the table; inception_v2 is"
_FIGURES = (
    "its 35x35 modules have a 5x5 where figure 5 has a 3x3, and neither of its reductions is "
    "figure 10's"
)
COUNTED = (
    "the text's under 25 million parameters hold without the auxiliary head; its 4.8 billion "
    "multiply-adds are 5.7 when counted"
)
_FIRST_MODULE = (
    "the third convolution at 35x35 is left out: the first module reads 192 channels and gives 256"
)
INCEPTION_V3 = table(
    (
        "conv1a",
        "conv2a",
        "conv2b",
        "pool1",
        "conv3b",
        "conv4a pool2",
        "",
        "mixed5b mixed5c mixed5d mixed6a",
        "mixed6b mixed6c mixed6d mixed6e mixed7a",
        "mixed7b mixed7c",
        "head.pool",
        "head.classifier",
    ),
    (_RELEASED, _FIGURES, COUNTED),
    {
        "conv3b": "the released network has a 1x1 here",
        "conv4a pool2": "in place of the stride there is a 3x3 max pool after the convolution",
        "": _FIRST_MODULE,
        "mixed5b mixed5c mixed5d mixed6a": _FIRST_MODULE,
        "mixed6b mixed6c mixed6d mixed6e mixed7a": "the released network has four modules here",
    },
)
