"""Files and arrays as RGB pixels: the one place where an image is opened."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image

from inceptionkit.preprocess.color_modes import Pixels, UnusableImage, orientation, rgb
from inceptionkit.preprocess.pillow_warnings import suppress_pillow_output
from inceptionkit.text import printable

PIXEL_LIMIT = 2**27
"""Most pixels that an image may claim: 134 million, beyond any camera; 400 MB as RGB."""

_ENDINGS = (
    "apng avif bmp dib gif heic heif j2k jfif jp2 jpe jpeg jpg mpo"
    " pbm pgm png pnm ppm tif tiff webp"
)
EXTENSIONS = frozenset(f".{ending}" for ending in _ENDINGS.split())
"""How names of image files end, in lower case. Other files beside them are not images."""


class _Format(NamedTuple):
    name: str  # Pillow's
    plugin: str  # module of Pillow that registers it, imported when it is first met
    signature: re.Pattern[bytes]  # of the first bytes


_FORMATS = tuple(
    _Format(name, plugin, re.compile(signature, re.DOTALL))
    for name, plugin, signature in (
        ("JPEG", "JpegImagePlugin", rb"\xff\xd8\xff"),
        ("PNG", "PngImagePlugin", rb"\x89PNG\r\n\x1a\n"),
        ("WEBP", "WebPImagePlugin", rb"RIFF....WEBP"),
        ("GIF", "GifImagePlugin", rb"GIF8[79]a"),
        ("TIFF", "TiffImagePlugin", rb"II[*+]\0|MM\0[*+]"),
        ("AVIF", "AvifImagePlugin", rb"....ftyp(avi[fs]|mif1|msf1)"),
        ("JPEG2000", "Jpeg2KImagePlugin", rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  \r\n\x87\n"),
        ("PPM", "PpmImagePlugin", rb"P[1-6]\s"),
        ("BMP", "BmpImagePlugin", rb"BM"),
        ("HEIC", "HeicImagePlugin", rb"....ftyphe(ic|ix|im|is|vc|vx)"),  # Pillow has none yet
    )
)


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

    @property
    def short_side(self) -> int:
        """The smaller of width and height, in pixels."""
        return min(self.width, self.height)

    @property
    def grey(self) -> bool:
        """Stored without colour. A grey photo stored as RGB is not known to be grey."""
        return self.mode in {"1", "L", "LA", "La", "I", "F"} or self.mode.startswith("I;16")


def decode(source: bytes | Path) -> Pixels:
    """Decode an image file, or the bytes of one, to upright RGB.

    The first frame counts, transparency is composited on white, 16-bit grey is scaled to 8, and
    EXIF orientation is applied. Nothing is ever read beyond the file that was named, nothing is
    written, and Pillow's warnings are not heard.

    Returns:
        (height, width, 3) uint8, contiguous.

    Raises:
        UnusableImage: not an image, damaged, truncated, empty, unreadable, or claiming more than
            `PIXEL_LIMIT` pixels. Never an exception of Pillow's.
    """
    with open_image(source) as image:
        image.load()
        return rgb(image)


def examine(source: bytes | Path) -> tuple[ImageHeader, Pixels]:
    """What `header` and `decode` give, from opening the image once.

    Raises:
        UnusableImage: as `decode` does.
    """
    with open_image(source) as image:
        seen = _header(image)
        image.load()
        return seen, rgb(image)


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
    )


def as_rgb(image: object) -> Pixels:
    """Pixels of an image: a file, the bytes of one, a Pillow image or a uint8 array.

    Args:
        image: a path or bytes, as `decode` takes them; any `PIL.Image.Image`; or uint8 of shape
            (height, width), (height, width, 1), (height, width, 3) RGB or (height, width, 4) RGBA,
            0 to 255.

    Returns:
        (height, width, 3) uint8, contiguous; it may share memory with an array that fits already.

    Raises:
        UnusableImage: something else, with what is wanted instead; or a Pillow image, opened
            lazily, whose file turns out to be damaged.
    """
    if isinstance(image, str | Path | bytes):
        return decode(Path(image) if isinstance(image, str) else image)
    if isinstance(image, Image.Image):
        with open_image(image):
            image.load()
            return rgb(image)
    if isinstance(image, np.ndarray):
        return _from_array(image)
    kind = f"{type(image).__module__}.{type(image).__qualname__}"
    reason = f"an image must be a path, a PIL.Image or a uint8 array, got {kind}"
    raise UnusableImage(reason)


def _from_array(pixels: np.ndarray) -> Pixels:
    if pixels.dtype != np.uint8:
        reason = (
            f"an array of pixels must be uint8 from 0 to 255, got {pixels.dtype}; floats from "
            "0 to 1 become that with (x * 255).round().astype('uint8')"
        )
        raise UnusableImage(reason)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or 0 in pixels.shape:
        advice = "; move the channels last with .transpose(1, 2, 0)"
        reason = (
            "an array of pixels must be (height, width), or (height, width, 1, 3 or 4), "
            f"got {pixels.shape}{advice if _channels_first(pixels) else ''}"
        )
        raise UnusableImage(reason)
    if pixels.shape[2] == 4:
        return rgb(Image.fromarray(np.ascontiguousarray(pixels)))
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def _channels_first(pixels: np.ndarray) -> bool:
    return pixels.ndim == 3 and pixels.shape[0] in (1, 3, 4) and 0 not in pixels.shape


def image_files(path: Path) -> list[Path]:
    """The file itself, or every image below a folder.

    Raises:
        UnusableImage: there is none.
    """
    if not path.exists():
        reason = "no such file or folder; check the spelling"
        raise UnusableImage(reason, printable(str(path)))
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in EXTENSIONS)
    if not files:
        reason = "there is no image in it; give a folder of images"
        raise UnusableImage(reason, printable(str(path)))
    return files


@contextmanager
def open_image(source: bytes | Path | Image.Image) -> Iterator[Image.Image]:
    """The image of `source`, its header read and its size accepted.

    Raises:
        UnusableImage: whatever goes wrong, also while the caller uses the image.
    """
    try:
        with suppress_pillow_output(), ExitStack() as stack:
            if isinstance(source, Image.Image):
                image = source
            else:
                image = _identified(stack.enter_context(_stream(source)))
            _refuse_bomb(image.size)
            yield image
    except Exception as error:  # hostile bytes make a decoder raise anything
        where = printable(str(source)) if isinstance(source, Path) else None
        if isinstance(error, UnusableImage):
            raise UnusableImage(error.reason, where) from error.__cause__
        raise UnusableImage(_reason(error), where) from error


def _stream(source: bytes | Path) -> BinaryIO:
    if isinstance(source, Path):
        try:
            status = source.stat()
            if status.st_size and stat.S_ISREG(status.st_mode):
                return source.open("rb")
            # never opened: a pipe would wait for ever
            reason = "empty file" if stat.S_ISREG(status.st_mode) else "not a file"
        except OSError as error:
            reason = f"cannot be read: {(error.strerror or str(error)).lower()}"
            raise UnusableImage(reason) from error
    elif source:
        return BytesIO(source)
    else:
        reason = "empty file"
    raise UnusableImage(reason)


def _identified(stream: BinaryIO) -> Image.Image:
    """Open the image by its first bytes; a file's extension says nothing.

    `PIL.Image.open` is not used: it refuses large sizes by a global limit without reporting the
    size, and calls every damaged header no image.
    """
    prefix = stream.read(16)
    stream.seek(0)
    format_ = next((f for f in _FORMATS if f.signature.match(prefix)), None)
    if format_ is None:
        reason = "not an image"
        raise UnusableImage(reason)
    try:
        import_module(f"PIL.{format_.plugin}")
    except ModuleNotFoundError as error:
        reason = f"{format_.name}, which Pillow cannot read; convert it to JPEG or PNG"
        raise UnusableImage(reason) from error
    factory, _ = Image.OPEN[format_.name]
    return factory(stream, "")


def _refuse_bomb(size: tuple[int, int]) -> None:
    width, height = size
    if width * height > PIXEL_LIMIT:
        reason = f"claims {width}x{height} pixels, the limit is {PIXEL_LIMIT:,} in all"
        raise UnusableImage(reason)
    if width < 1 or height < 1:
        reason = f"claims {width}x{height} pixels"
        raise UnusableImage(reason)


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "too large for the available memory"
    message = str(error).lower()
    if isinstance(error, EOFError) or "truncated" in message or "not enough" in message:
        return "truncated"
    return "damaged"
