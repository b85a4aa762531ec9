"""What TIFFs say about their values, and what Pillow overlooks of it."""

from __future__ import annotations

from typing import Any

from PIL import Image

_BITS, _PHOTOMETRIC, _LARGEST, _PLANAR, _FORMAT = 258, 262, 281, 284, 339  # tags of TIFF 6.0
_ZERO_IS_WHITE, _PLANES, _UNSIGNED = 0, 2, 1  # values of these


def repair_planes(image: Image.Image) -> None:
    """Let an opened TIFF whose 16-bit channels lie in planes be read as such, not as 8-bit ones."""
    tags = _tags(image)
    if tags.get(_PLANAR) != _PLANES or _first(tags.get(_BITS)) != 16:
        return
    ending = ";16B" if image.tag_v2.prefix == b"MM" else ";16L"  # type: ignore[attr-defined]
    image.tile = [  # type: ignore[attr-defined]
        tile._replace(args=(tile.args[0] + ending, *tile.args[1:]))
        if tile.codec_name == "raw" and len(tile.args[0]) == 1
        else tile
        for tile in image.tile  # type: ignore[attr-defined]
    ]


def stated_bits(image: Image.Image) -> int | None:
    """Bits that the values of a deep grey image use, if the file says so."""
    tags = _tags(image)
    stored, largest = _first(tags.get(_BITS)), _first(tags.get(_LARGEST))
    if stored == 12:
        return 12
    if isinstance(stored, int) and isinstance(largest, int) and 2**8 <= largest < 2**stored:
        return largest.bit_length()
    return None


def is_unsigned(image: Image.Image) -> bool:
    """Whether 32-bit integers have no sign; Pillow reads them as if they had."""
    tags = _tags(image)
    return (_first(tags.get(_BITS)), _first(tags.get(_FORMAT, _UNSIGNED))) == (32, _UNSIGNED)


def zero_is_white(image: Image.Image) -> bool:
    """Whether deep grey values are those of a negative; Pillow turns those of 8 bits itself."""
    return _first(_tags(image).get(_PHOTOMETRIC)) == _ZERO_IS_WHITE


def _tags(image: Image.Image) -> Any:  # noqa: ANN401 - a mapping of tags to anything
    return getattr(image, "tag_v2", {}) if image.format == "TIFF" else {}


def _first(value: object) -> object:
    return value[0] if isinstance(value, tuple) and value else value
