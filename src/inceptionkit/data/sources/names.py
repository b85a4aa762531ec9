"""Many names in little memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import overload

import numpy as np
from numpy.typing import NDArray

_CODE = ("utf-8", "surrogatepass")


class Names(Sequence[str]):
    """Strings, kept as one piece of text: their own letters and 8 bytes each.

    >>> names = Names.of(["rose/1.jpg", "rose/2.jpg"])
    >>> names[1], len(names), list(names[:1])
    ('rose/2.jpg', 2, ['rose/1.jpg'])
    """

    __slots__ = ("starts", "text")

    def __init__(self, text: bytes, starts: NDArray[np.int64]) -> None:
        """Take the letters of all names, and where each begins, the end of the last included."""
        self.text = text
        self.starts = starts

    @classmethod
    def of(cls, names: Iterable[str]) -> Names:
        """Pack `names` one by one."""
        text, starts = bytearray(), array("q", [0])
        for name in names:
            text += name.encode(*_CODE)
            starts.append(len(text))
        return cls(bytes(text), np.frombuffer(starts, np.int64))

    def is_printable(self) -> bool:
        """Whether all of them can be shown as they are."""
        return self.text.decode(*_CODE).isprintable()

    def __len__(self) -> int:
        """How many names there are."""
        return len(self.starts) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        """One name, or a range of them."""
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        return self.text[self.starts[place] : self.starts[place + 1]].decode(*_CODE)

    def __iter__(self) -> Iterator[str]:
        """Each name in turn."""
        bounds = pairwise(self.starts.tolist())
        return (self.text[start:stop].decode(*_CODE) for start, stop in bounds)
