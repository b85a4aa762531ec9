"""What a file says about its image, before any pixel is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from inceptionkit.preprocess.color_modes import Pixels
from inceptionkit.preprocess.decode import open_image, orientation, rgb
from inceptionkit.preprocess.unended import Completed


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageHeader:
    """What a file says about its image, before any pixel is decoded."""

    width: int  # pixels, upright
    height: int  # pixels, upright
    mode: str  # Pillow's: "RGB", "L", "P", "CMYK", "I;16", ...
    format: str  # "JPEG", "PNG", ...
    orientation: int  # EXIF, 1 to 8; 1 is upright as stored
    animated: bool = False  # or several pages: the first one counts
    deep: bool = False  # more than 8 bits a channel: scaled to 8
    unended: bool = False  # a JPEG that lacks its end marker, and nothing else

    @property
    def short_side(self) -> int:
        """The smaller of width and height, in pixels."""
        return min(self.width, self.height)

    @property
    def grey(self) -> bool:
        """Stored without color. A grey photo stored as RGB is not known to be grey."""
        return self.mode in {"1", "L", "LA", "La", "I", "F"} or self.mode.startswith("I;16")


def header(source: bytes | Path) -> ImageHeader:
    """Read size, mode and orientation of an image file, or of its bytes, decoding no pixels.

    Raises:
        UnusableImage: as `decode` does, for what the header alone shows; a file that is cut off or
            damaged further on passes.
    """
    with open_image(source) as image:
        return _header(image)


def _header(image: Image.Image) -> ImageHeader:
    turned = orientation(image)
    width, height = image.size if turned < 5 else image.size[::-1]
    try:
        animated = bool(getattr(image, "is_animated", False))
    except Exception:  # noqa: BLE001 - what follows the first frame may be damaged; it counts alone
        animated = False
    return ImageHeader(
        width=width,
        height=height,
        mode=image.mode,
        format=image.format or "?",
        orientation=turned,
        animated=animated,
        deep=image.mode in {"I", "F"}
        or "16" in image.mode
        or ";16" in str(getattr(image, "tile", "")),
        unended=isinstance(getattr(image, "fp", None), Completed),
    )


def examine(source: bytes | Path) -> tuple[ImageHeader, Pixels]:
    """What `header` and `decode` give, from opening the image once.

    Raises:
        UnusableImage: as `decode` does.
    """
    with open_image(source) as image:
        seen = _header(image)
        image.load()
        return seen, rgb(image)
