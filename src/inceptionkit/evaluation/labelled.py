"""Copies of images with their labels drawn on them."""

from __future__ import annotations

import io
from collections.abc import Iterable
from itertools import count
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from inceptionkit.errors import OptionError, WriteError
from inceptionkit.evaluation.predictor import Pixels, Prediction
from inceptionkit.files import write_whole
from inceptionkit.text import percent, printable

_LINE = 0.05  # height of a line of text, share of the picture's shorter side
_SMALLEST, _MARGIN = 11, 0.4  # pixels of a letter, at least; share of it around the text


class Copies:
    """A folder of copies; no file is overwritten."""

    def __init__(self, folder: str | Path, images: Iterable[object]) -> None:
        """Choose a folder, for copies of `images`.

        Raises:
            OptionError: an image lies in it.
        """
        self.folder = Path(folder).expanduser()
        place = self.folder.resolve()
        files = [Path(one) for one in images if isinstance(one, str | Path)]
        if any(one.resolve().parent == place for one in files):
            msg = f"{folder}: holds images to classify; draw the copies into another folder"
            raise OptionError(msg)

    def draw(self, name: str, pixels: Pixels, found: Prediction) -> Path:
        """Write a copy of an image as JPEG, its labels below it.

        Args:
            name: of the image.
            pixels: (height, width, 3), RGB.
            found: its labels.

        Returns:
            The file.

        Raises:
            WriteError: it cannot be written.
        """
        stem = Path(name).stem.strip("-") or "image"
        names = (f"{stem}.jpg" if number == 1 else f"{stem}-{number}.jpg" for number in count(1))
        place = next(self.folder / one for one in names if not (self.folder / one).exists())
        content = io.BytesIO()
        labelled(Image.fromarray(pixels), found).save(content, "JPEG", quality=92)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WriteError(self.folder, error) from error
        write_whole(place, content.getvalue())
        return place


def labelled(image: Image.Image, found: Prediction) -> Image.Image:
    """A copy of an image in RGB, below it a line for each label with its probability."""
    letters = max(_SMALLEST, round(_LINE * min(image.size)))
    font, margin = ImageFont.load_default(letters), round(_MARGIN * letters)
    lines = [f"{percent(p)}  {printable(label)}" for label, p in found.top]
    step = letters + margin
    copy = Image.new("RGB", (image.width, image.height + step * len(lines) + margin), "black")
    copy.paste(image, (0, 0))
    pen = ImageDraw.Draw(copy)
    for number, line in enumerate(lines):
        fill = "white" if number == 0 else "#b0b0b0"
        pen.text((margin, image.height + margin + number * step), line, fill=fill, font=font)
    return copy
