"""Which images a model has seen, by what is in them: none of them is scored as if it were new.

An image has two hashes of 8 bytes, of its file and of its pixels, and is known again by either:
whatever its name, folder or archive, and where it was saved again without loss. A copy that was
resized, or saved as JPEG again, is another image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from inceptionkit.errors import WeightsError

SEEN = "seen.safetensors"  # beside `model.json`

Hashes: TypeAlias = NDArray[np.uint64]  # of any shape; 0 where there is none
_Kept: TypeAlias = NDArray[np.uint64] | NDArray[np.uint32]  # ascending, each once; see `_kept`

_WHOLE_HASHES = 2**21  # so many are kept whole, in 16 MiB; of more, the first half of each


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Hashes of the images that a model, or one that it began as, has seen."""

    trained: _Kept  # it was trained on these
    chose: _Kept  # it was chosen by these: the validation set

    @classmethod
    def of(cls, trained: Hashes, chose: Hashes) -> Seen:
        """What a model has seen that was trained on some images and chosen by others."""
        return cls(_kept(trained), _kept(chose))

    def __or__(self, other: Seen) -> Seen:
        return Seen(_united(self.trained, other.trained), _united(self.chose, other.chose))

    def is_new(self, found: int) -> bool:
        """Whether the model was not trained on an image that has this hash."""
        short = self.trained.dtype == np.uint32
        sought = np.uint32(found >> 32) if short else np.uint64(found)
        at = int(np.searchsorted(self.trained, sought))
        return at == len(self.trained) or bool(self.trained[at] != sought)

    def to_bytes(self) -> bytes:
        """A safetensors file."""
        return save({"trained": self.trained, "chose": self.chose})

    @classmethod
    def from_bytes(cls, data: bytes, where: object) -> Seen:
        """Read what `to_bytes` wrote.

        Raises:
            WeightsError: it is something else.
        """
        try:
            found = load(data)
        except (SafetensorError, LookupError, TypeError, ValueError) as error:  # unknown dtypes
            msg = f"{where}: not a safetensors file ({error}); copy the model folder again"
            raise WeightsError(msg) from error
        kinds = {(v.dtype, v.ndim) for v in found.values()}
        if found.keys() != {"trained", "chose"} or not kinds <= {
            (np.dtype(np.uint64), 1),
            (np.dtype(np.uint32), 1),
        }:
            msg = f"{where}: must hold the hashes trained and chose; copy the model folder again"
            raise WeightsError(msg)
        return cls(found["trained"], found["chose"])


def among(hashes: Hashes, kept: _Kept) -> NDArray[np.bool_]:
    """Which images are known: those of which one hash is among those that are kept.

    Args:
        hashes: (images, any number).
        kept: of images that were seen.
    """
    sought = hashes if kept.dtype == np.uint64 else _shortened(hashes)
    return np.asarray(np.isin(sought, kept).any(axis=1))


def _kept(hashes: Hashes) -> _Kept:
    found = np.unique(hashes[hashes > 0])
    return found if len(found) <= _WHOLE_HASHES else _united(found, _shortened(found))


def _united(one: _Kept, other: _Kept) -> _Kept:
    if one.dtype == other.dtype == np.uint64:
        return _kept(np.concatenate([one, other]))
    found = np.unique(np.concatenate([_shortened(one), _shortened(other)]))
    return found[found > 0]


def _shortened(hashes: _Kept) -> NDArray[np.uint32]:
    if hashes.dtype == np.uint32:
        return hashes.astype(np.uint32)
    return (hashes >> np.uint64(32)).astype(np.uint32)


NOTHING = Seen(np.zeros(0, np.uint64), np.zeros(0, np.uint64))
