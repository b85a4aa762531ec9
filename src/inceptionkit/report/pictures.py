"""Pictures as data URIs: small ones exact, photos shrunk to what the page shows."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PIXEL_ART = 64  # up to this side a picture is kept exactly and enlarged in hard squares
PHOTO = 192  # longest side of a photo on the page, for dense screens more than is shown
WEBP_QUALITY = 78


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """A picture inside a page."""

    address: str  # data URI
    is_pixel_art: bool  # enlarged in hard squares
    width: int  # of the picture itself, pixels
    height: int


def embedded(pixels: NDArray[np.uint8]) -> Embedded:
    """A picture for a page.

    Args:
        pixels: (height, width, 3) uint8 RGB.
    """
    height, width = pixels.shape[:2]
    return Embedded(
        address=data_uri(pixels), is_pixel_art=is_pixel_art(pixels), width=width, height=height
    )


def is_pixel_art(pixels: NDArray[np.uint8]) -> bool:
    """Whether the page should enlarge the picture in hard squares."""
    return bool(max(pixels.shape[:2]) <= PIXEL_ART)


def data_uri(pixels: NDArray[np.uint8]) -> str:
    """The picture as a `data:` address; PNG where it is small, else WebP.

    Args:
        pixels: (height, width, 3) uint8 RGB.
    """
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if is_pixel_art(pixels):
        return address(picture, "PNG")
    picture.thumbnail((PHOTO, PHOTO), Image.Resampling.LANCZOS, reducing_gap=None)
    return address(picture, "WEBP")


def address(picture: Image.Image, kind: str) -> str:
    """An encoded picture as a `data:` address; `kind` is PNG or WEBP."""
    file = io.BytesIO()
    if kind == "PNG":
        picture.save(file, "PNG", optimize=True)
    else:
        picture.save(file, "WEBP", quality=WEBP_QUALITY, method=4)
    encoded = base64.b64encode(file.getvalue()).decode("ascii")
    return f"data:image/{kind.lower()};base64,{encoded}"


def svg_address(drawing: str) -> str:
    """An SVG document as a `data:` address, so that its styles stay its own."""
    encoded = base64.b64encode(drawing.encode()).decode("ascii")
    return f"data:image/svg+xml;base64,{encoded}"
