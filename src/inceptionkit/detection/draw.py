"""Boxes drawn on images, with class, score and exit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from inceptionkit.detection.boxes import clip
from inceptionkit.detection.types import Boxes, Detections, Pixels

COLORS = (
    (0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233),
    (150, 88, 20), (120, 94, 240), (0, 60, 90), (170, 20, 60),
)  # fmt: skip
"""Of classes; distinct also to people who do not see all colors (Okabe and Ito), and some more."""

_LEAST_SIDE = 480  # pixels; a smaller image is enlarged, so that its labels can be read


@dataclass(frozen=True, slots=True)
class Label:
    """What is drawn around and above a box."""

    text: str
    color: tuple[int, int, int]
    dashed: bool = False


def drawn(
    image: Pixels, found: Detections, classes: Sequence[str], least_score: float = 0.0
) -> Image.Image:
    """The image with what was found.

    Args:
        image: (height, width, 3).
        found: in this image.
        classes: names.
        least_score: boxes below are left out.
    """
    shown = found.above(least_score)
    labels = [
        Label(
            f"{classes[label]} {score:.2f}" + ("" if exit_ == "main" else f" {exit_}"),
            COLORS[label % len(COLORS)],
        )
        for label, score, exit_ in zip(
            shown.labels.tolist(), shown.scores.tolist(), shown.exits, strict=True
        )
    ]
    return with_boxes(image, shown.boxes[::-1], labels[::-1])  # the best one is drawn last


def with_boxes(
    image: Pixels, boxes: Boxes, labels: Sequence[Label], thick: float = 1 / 320
) -> Image.Image:
    """The image with some boxes; a small one is enlarged.

    Args:
        image: (height, width, 3).
        boxes: (n, 4).
        labels: of each.
        thick: width of lines, share of the longer side.
    """
    height, width = image.shape[:2]
    factor = max(1.0, _LEAST_SIDE / max(height, width))
    size = (round(width * factor), round(height * factor))
    page = Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(page)
    line = max(2, round(max(size) * thick))
    letters = ImageFont.load_default(max(11, round(max(size) / 48)))
    scaled = clip((boxes * np.float32(factor)).astype(np.float32), (size[1], size[0]))
    for box, label in zip(scaled.tolist(), labels, strict=True):
        x1, y1, x2, y2 = box[0], box[1], max(box[2] - 1, box[0]), max(box[3] - 1, box[1])
        _outline(draw, (x1, y1, x2, y2), label, line)
        if label.text:
            text = label.text.encode("utf-8", "backslashreplace").decode()
            wide = letters.getlength(text) + 6
            tall = sum(letters.getmetrics()) + 2 if hasattr(letters, "getmetrics") else 13
            left = max(0.0, min(x1, size[0] - wide))
            top = y1 - tall if y1 >= tall else min(y1 + line, size[1] - tall)
            draw.rectangle((left, top, left + wide, top + tall), fill=label.color)
            draw.text((left + 3, top + 1), text, (255, 255, 255), letters)
    return page


def _outline(
    draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], label: Label, line: int
) -> None:
    x1, y1, x2, y2 = box
    if not label.dashed:
        draw.rectangle(box, outline=label.color, width=line)
        return
    step = 4 * line
    for start in np.arange(x1, x2, 2 * step).tolist():
        for y in (y1, y2):
            draw.line((start, y, min(start + step, x2), y), fill=label.color, width=line)
    for start in np.arange(y1, y2, 2 * step).tolist():
        for x in (x1, x2):
            draw.line((x, start, x, min(start + step, y2)), fill=label.color, width=line)
