"""Files and arrays as RGB pixels: the one place where an image is opened."""

from __future__ import annotations

import ctypes
import logging
import os
import re
import stat
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image

from inceptionkit.preprocess.color_modes import Pixels, UnusableImage, converted, scaled
from inceptionkit.preprocess.reasons import HEAD, kind_of, reason_in
from inceptionkit.preprocess.tiff import repair_planes
from inceptionkit.preprocess.unended import END, with_end
from inceptionkit.text import printable

ORIENTATION = 0x0112  # the EXIF tag; 1 is upright, 5 to 8 lie on their side
_METADATA = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")
_PIXEL = np.dtype("V3")
_HEAD = 256  # bytes by which a format is known

PIXEL_LIMIT = 2**27
"""Most pixels that an image may claim: 134 million, beyond most cameras; 400 MB as RGB."""

DECODE_BYTES = 2**31
"""Most memory that decoding one image takes, in each thread: 2 GiB. Modes that need more for each
pixel than RGB have a lower limit of pixels."""

FILE_BYTES = 2**30
"""Most bytes that an image file may have: 1 GiB, more than `PIXEL_LIMIT` pixels of 48 bits."""

SCANNED_PIXELS = 2**31
"""Most pixels times scans of a JPEG, which bounds its time: 16 scans of `PIXEL_LIMIT` pixels.
A progressive JPEG has about 10 scans, and each goes over all pixels."""

_USUAL_COST = DECODE_BYTES // PIXEL_LIMIT  # bytes for each pixel, of which RGB needs 10
_COSTS = {"I": 34, "F": 34, "I;16": 16, "RGBA": 18, "LA": 18, "PA": 18, "La": 18, "RGBa": 18}
_COSTS_OF_FORMAT = {"WEBP": 18, "AVIF": 18}
_COST_OF_DEEP_COLOR = 48  # 16 bits a channel
_START_OF_SCAN = b"\xff\xda"  # what else holds these two bytes is a picture within the metadata

_ENDINGS = (
    "apng avif bmp dib gif heic heif j2k jfif jp2 jpe jpeg jpg mpo"
    " pbm pgm png pnm ppm tif tiff webp"
)
EXTENSIONS = frozenset(f".{ending}" for ending in _ENDINGS.split())
"""How names of image files end, in lower case. Other files beside them are not images."""


class _Format(NamedTuple):
    name: str  # Pillow's
    plugin: str  # module that registers it with Pillow, imported when it is first met
    signature: re.Pattern[bytes]  # of the first bytes


_FORMATS = tuple(
    _Format(name, plugin, re.compile(signature, re.DOTALL))
    for name, plugin, signature in (
        ("JPEG", "PIL.JpegImagePlugin", rb"\xff\xd8\xff"),
        ("PNG", "PIL.PngImagePlugin", rb"\x89PNG\r\n\x1a\n"),
        ("WEBP", "PIL.WebPImagePlugin", rb"RIFF....WEBP"),
        ("GIF", "PIL.GifImagePlugin", rb"GIF8[79]a"),
        ("TIFF", "PIL.TiffImagePlugin", rb"II[*+]\0|MM\0[*+]"),
        (
            "HEIC",
            "inceptionkit.preprocess.heic",
            rb"....ftyp(he(ic|ix|im|is|vc|vx)|m(if1|sf1)(?!.{0,48}avi[fs]).{4,48}he(ic|ix|vc|vx))",
        ),
        ("AVIF", "PIL.AvifImagePlugin", rb"....ftyp(avi[fs]|mif1|msf1)"),
        ("JPEG2000", "PIL.Jpeg2KImagePlugin", rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  \r\n\x87\n"),
        ("PPM", "PIL.PpmImagePlugin", rb"P[1-6]\s"),
        ("BMP", "PIL.BmpImagePlugin", rb"BM"),
    )
)


@dataclass(slots=True)
class _Inside:
    """How many threads are inside, and what the last of them restores."""

    threads: int = 0
    lock: Lock = field(default_factory=Lock)
    handler: logging.NullHandler = field(default_factory=logging.NullHandler)
    saved: warnings.catch_warnings[None] = field(default_factory=warnings.catch_warnings)
    printer: int | None = None


_INSIDE = _Inside()
if hasattr(os, "register_at_fork"):  # a lock that another thread held would be held for ever
    _lock = _INSIDE.lock
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )
# The function of libtiff that replaces what prints its errors to stderr, and gives the old. It is
# looked up among the libraries that Pillow has loaded; where it is not there (libtiff linked in, or
# none), libtiff's lines are printed.
_LIBTIFF_PRINTS: Callable[[int | None], int | None] | None
try:
    _function = ctypes.CDLL(import_module("PIL._imaging").__file__).TIFFSetErrorHandler
except (OSError, AttributeError):
    _LIBTIFF_PRINTS = None
else:
    _function.argtypes, _function.restype = [ctypes.c_void_p], ctypes.c_void_p
    _LIBTIFF_PRINTS = _function


def as_rgb(image: object, depth: int = 16) -> Pixels:
    """Pixels of an image: a file, the bytes of one, a Pillow image or a uint8 array.

    Args:
        image: a path or bytes, as `decode` takes them; any `PIL.Image.Image`; or uint8 of shape
            (height, width), (height, width, 1), (height, width, 3) RGB or (height, width, 4) RGBA,
            0 to 255.
        depth: bits that the values of deep images use, as `Preprocessing.depth` says.

    Returns:
        (height, width, 3) uint8, contiguous; it may share memory with an array that fits already.

    Raises:
        UnusableImage: something else, with what is wanted instead; or a Pillow image, opened
            lazily, whose file turns out to be damaged.
    """
    source = Path(image) if isinstance(image, str) else image
    if isinstance(source, Path | bytes | Image.Image):
        with open_image(source) as opened:
            if depth != 16 and ";16" in str(getattr(opened, "tile", "")) and opened.mode == "RGB":
                return _deep_rgb(source, opened, depth)
            opened.load()
            return rgb(opened, depth)
    if isinstance(image, np.ndarray):
        return _from_array(image)
    kind = f"{type(image).__module__}.{type(image).__qualname__}"
    reason = f"an image must be a path, a PIL.Image or a uint8 array, got {kind}"
    raise UnusableImage(reason)


def decode(source: bytes | Path, depth: int = 16) -> Pixels:
    """Decode an image file, or the bytes of one, to upright RGB.

    The first frame counts, transparency is composited on white, 16-bit grey is scaled to 8, and
    EXIF orientation is applied; color profiles are not. Nothing is ever read beyond the file that
    was named, nothing is written, and Pillow's warnings are not heard.

    Args:
        source: the file, or its bytes.
        depth: bits that the values of deep images use, as `Preprocessing.depth` says.

    Returns:
        (height, width, 3) uint8, contiguous.

    Raises:
        UnusableImage: not an image, damaged, truncated, empty, unreadable, or claiming more than
            `PIXEL_LIMIT` pixels. Never an exception of Pillow's.
    """
    return as_rgb(source, depth)


def _deep_rgb(source: Path | bytes | Image.Image, opened: Image.Image, depth: int) -> Pixels:
    """An opened image of 16 bits a channel, of which `depth` are used; Pillow keeps the high 8."""
    low = 0 if isinstance(source, Image.Image) else low_bytes(source).astype(np.uint16)
    opened.load()
    values = np.asarray(opened).astype(np.uint16) << 8
    return upright(scaled(values | low, depth), orientation(opened))


def low_bytes(source: bytes | Path) -> Pixels:
    """The low 8 of 16 bits of each channel of an RGB image, as stored: as if bytes were swapped."""
    with open_image(source) as image:
        swap = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
        tiles = []
        for tile in image.tile:  # type: ignore[attr-defined]
            raw, *rest = (tile.args,) if isinstance(tile.args, str) else tile.args
            raw = raw[:-1] + swap[raw[-1]]
            tiles.append(tile._replace(args=(raw, *rest) if rest else raw))
        image.tile = tiles  # type: ignore[attr-defined]
        image.load()
        return np.asarray(image)


@contextmanager
def open_image(source: bytes | Path | Image.Image) -> Iterator[Image.Image]:
    """The image of `source`, its header read and its size accepted.

    Raises:
        UnusableImage: whatever goes wrong, also while the caller uses the image.
    """
    try:
        with _suppress_pillow_output(), ExitStack() as stack:
            image = source if isinstance(source, Image.Image) else _opened(source, stack)
            width, height = image.size
            cost = max(_COSTS.get(image.mode, 0), _COSTS_OF_FORMAT.get(image.format or "", 0))
            if image.mode == "RGB" and ";16" in str(getattr(image, "tile", "")):
                cost = _COST_OF_DEEP_COLOR
            limit = DECODE_BYTES // max(cost, _USUAL_COST)
            too_large = width * height > limit
            if too_large or min(width, height) < 1:
                of = f" of mode {image.mode}" if limit < PIXEL_LIMIT else ""
                most = f", the limit is {limit:,} in all{of}" if too_large else ""
                reason = f"claims {width}x{height} pixels{most}"
                raise UnusableImage(reason)  # noqa: TRY301 - what follows names the file
            if image.format == "JPEG" and (stream := getattr(image, "fp", None)) is not None:
                place = stream.tell()
                stream.seek(0)
                scans = stream.read().count(_START_OF_SCAN)
                stream.seek(place)
                if scans * width * height > SCANNED_PIXELS:
                    most = f"the limit is {SCANNED_PIXELS // (width * height):,} at its size"
                    reason = f"has {scans:,} scans, {most}"
                    raise UnusableImage(reason)  # noqa: TRY301
            if image.format == "TIFF":
                repair_planes(image)
            yield image
    except Exception as error:  # hostile bytes make a decoder raise anything
        where = printable(str(source)) if isinstance(source, Path) else None
        if isinstance(error, UnusableImage):
            raise UnusableImage(error.reason, where) from error.__cause__
        raise UnusableImage(_reason(error, source), where) from error


@contextmanager
def _suppress_pillow_output() -> Iterator[None]:
    """Drop Pillow's warnings and log lines, and libtiff's, while any thread is inside.

    `warnings.catch_warnings` by itself is not safe between threads: it restores whatever list it
    met, also when another thread has left or entered since. Here the first to enter saves, and the
    last to leave restores. Warnings of other modules pass through.
    """
    with _INSIDE.lock:
        _INSIDE.threads += 1
        if _INSIDE.threads == 1:
            _INSIDE.saved = warnings.catch_warnings()
            _INSIDE.saved.__enter__()
            warnings.filterwarnings("ignore", module=r"PIL\b")
            logging.getLogger("PIL").addHandler(_INSIDE.handler)
            _INSIDE.printer = _LIBTIFF_PRINTS(None) if _LIBTIFF_PRINTS else None
    try:
        yield
    finally:
        with _INSIDE.lock:
            _INSIDE.threads -= 1
            if _INSIDE.threads == 0:
                if _LIBTIFF_PRINTS:
                    _LIBTIFF_PRINTS(_INSIDE.printer)
                logging.getLogger("PIL").removeHandler(_INSIDE.handler)
                _INSIDE.saved.__exit__(None, None, None)


def _opened(source: bytes | Path, stack: ExitStack) -> Image.Image:  # noqa: C901 - a check a line
    """Open an image by its first bytes, until `stack` ends; a file's extension says nothing.

    `PIL.Image.open` is not used: it refuses large sizes by a global limit without reporting the
    size, and calls every damaged header no image.
    """
    reason = "empty file"
    stream: BinaryIO | None = BytesIO(source) if isinstance(source, bytes) and source else None
    if isinstance(source, Path):
        try:
            status = source.stat()
            if not stat.S_ISREG(status.st_mode):
                reason = "not a file"  # never opened: a pipe would wait for ever
            elif status.st_size > FILE_BYTES:
                reason = f"has {status.st_size:,} bytes, the limit is {FILE_BYTES:,}"
            elif status.st_size:
                stream = stack.enter_context(source.open("rb"))
        except OSError as error:
            reason = f"cannot be read: {(error.strerror or str(error)).lower()}"
            raise UnusableImage(reason) from error
    if stream is None:
        raise UnusableImage(reason)
    head = stream.read(_HEAD)
    format_ = next((f for f in _FORMATS if f.signature.match(head)), None)
    if format_ is None:
        raise UnusableImage(kind_of(head))
    import_module(format_.plugin)
    stream.seek(-2, os.SEEK_END)
    tail = stream.read()
    stream.seek(0)
    if format_.name == "JPEG" and tail != END:
        stream = with_end(stream.read())
    factory, _ = Image.OPEN[format_.name]
    return factory(stream, "")


def looks_like_image(prefix: bytes) -> bool:
    """Whether a file that begins with `prefix` (32 bytes, or all there are) is an image.

    The two letters of a BMP alone would be found in texts as well, like those of a PPM.
    """
    format_ = next((f for f in _FORMATS if f.signature.match(prefix)), None)
    if format_ is None:
        return False
    if format_.name == "BMP":
        return len(prefix) >= 16 and prefix[6:10] == bytes(4)
    return format_.name != "PPM" or re.match(rb"P[1-6]\s(#|\d+\s)", prefix) is not None


def _reason(error: Exception, source: bytes | Path | Image.Image) -> str:
    if isinstance(error, MemoryError):
        return "too large for the available memory"
    if isinstance(error, OSError) and error.errno:  # of the system; Pillow's own have none
        return f"cannot be read: {(error.strerror or str(error)).lower()}"
    message = str(error).lower()
    if isinstance(error, EOFError) or "truncated" in message or "not enough" in message:
        return "truncated"
    head = source if isinstance(source, bytes) else b""
    if isinstance(source, Path):
        with suppress(OSError), source.open("rb") as stream:
            head = stream.read(HEAD)
    return reason_in(head[:HEAD]) or "damaged"


def rgb(image: Image.Image, depth: int = 16) -> Pixels:
    """The pixels of a loaded `image`, upright, composited on white where it is transparent.

    Args:
        image: as Pillow loaded it.
        depth: bits that the values of a deep image use.

    Returns:
        (height, width, 3) uint8, contiguous.

    Raises:
        UnusableImage: the color mode has no conversion (LAB).
    """
    plain = image.mode == "RGB" and "transparency" not in image.info
    pixels = np.asarray(image) if plain else converted(image, depth)
    turned = orientation(image)
    return np.ascontiguousarray(pixels) if turned == 1 else upright(pixels, turned)


def orientation(image: Image.Image) -> int:
    """EXIF orientation of an open image, 1 to 8; 1 where there is none or it is damaged.

    Pillow turns TIFF by itself while it loads, and reports its size as turned: for TIFF this is 1.
    Does not decode pixels, so an eXIf chunk behind a PNG's pixels counts only after loading.
    """
    if image.format == "TIFF" or not any(key in image.info for key in _METADATA):
        return 1
    try:
        tag = Image.Image.getexif(image).get(ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - metadata of any shape; the pixels are what counts
        return 1
    return tag if isinstance(tag, int) and 1 <= tag <= 8 else 1


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Turn and mirror `pixels` (height, width, 3) as EXIF `orientation` asks.

    Sources:
        CIPA DC-008 (Exif 2.32), section 4.6.4 A, tag 274.
    """
    whole = np.ascontiguousarray(pixels).view(_PIXEL)[:, :, 0]  # moved at once, not byte by byte
    if orientation in (5, 6, 7, 8):
        whole = whole.transpose()
    if orientation in (3, 4, 7, 8):
        whole = whole[::-1]
    if orientation in (2, 3, 6, 7):
        whole = whole[:, ::-1]
    return np.ascontiguousarray(whole).view(np.uint8).reshape(*whole.shape, 3)


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
