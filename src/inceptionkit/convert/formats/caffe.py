"""Caffe's `.caffemodel`: weights by layer. No torch.

The file is a message `NetParameter`. Its layers are in field 100, or in field 2 if Caffe was older
than 2015; each has a name and blobs. A blob has a shape or, in old files, always four sizes.

Sources:
    https://github.com/BVLC/caffe, src/caffe/proto/caffe.proto: the numbers of the fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from inceptionkit.convert.formats.limits import content, floats, keep
from inceptionkit.convert.formats.protobuf import fields, joined, messages, number_in, numbers
from inceptionkit.errors import WeightsError

LAYERS: Mapping[int, tuple[int, int]] = MappingProxyType({100: (1, 7), 2: (4, 6)})  # name, blobs
_OLD_SIZES = (1, 2, 3, 4)  # number, channels, height, width
_DATA, _SHAPE, _DIM = 5, 7, 1


def read(path: Path) -> dict[str, NDArray[np.float32]]:
    """Every blob of a `.caffemodel`.

    Returns:
        "layer/0", "layer/1", ... -> float32 array, in the order of the layer's blobs.

    Raises:
        WeightsError: the file cannot be read, is no caffemodel, is cut short, or claims more than
            it holds.
    """
    try:
        return blobs(memoryview(content(path)))
    except WeightsError as error:
        msg = f"{path}: incomplete caffemodel: {error}; copy or download it again"
        raise WeightsError(msg) from error


def blobs(net: memoryview) -> dict[str, NDArray[np.float32]]:
    """Every blob of a `NetParameter`.

    Raises:
        WeightsError: it is damaged, or has none.
    """
    tensors: dict[str, NDArray[np.float32]] = {}
    for number, layer in fields(net):
        if number not in LAYERS or isinstance(layer, int):
            continue
        name_field, blobs_field = LAYERS[number]
        name = b"".join(messages(layer, name_field))
        for index, blob in enumerate(messages(layer, blobs_field)):
            keep(tensors, b"%b/%d" % (name, index), floats(joined(blob, _DATA), _shape_of(blob)))
    if not tensors:
        msg = "it has no layer with weights"
        raise WeightsError(msg)
    return tensors


def _shape_of(blob: memoryview) -> tuple[int, ...]:
    """Shape of a blob; of four old sizes the leading ones are dropped, as Caffe itself does.

    A bias of 64 was written as 1 x 1 x 1 x 64, a fully connected layer as 1 x 1 x 1000 x 1024.
    """
    for shape in messages(blob, _SHAPE):
        return tuple(numbers(shape, _DIM))
    sizes = [number_in(blob, field) for field in _OLD_SIZES]
    while len(sizes) > 1 and sizes[0] == 1:
        sizes.pop(0)
    return tuple(sizes)
