"""What reading another implementation's file gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Net


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """A network of ours that another implementation's tensors fill.

    Attributes:
        net: the architecture, with the classes and exits that the file has.
        tensors: our names -> float32 arrays in our layout, exactly those of `net`.
        preprocessing: what that implementation does to an image.
        background: whether its first output stood for none of the classes, and was left out.
    """

    net: Net
    tensors: Mapping[str, NDArray[Any]]
    preprocessing: Preprocessing
    background: bool = False
