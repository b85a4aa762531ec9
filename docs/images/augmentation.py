"""Draws the pictures of docs/explanation/augmentation.md: python docs/images/augmentation.py.

Two scenes are painted, so that nobody's photographs are needed, and shown as the package varies
them: the original, then six samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from inceptionkit.data.rng import CounterRng
from inceptionkit.data.transforms.augmentation import (
    Augmentation,
    InceptionColors,
    PaddedCrop,
    Photometric,
    RandAugment,
    RandomCrop,
    TrivialAugment,
)
from inceptionkit.data.transforms.pipeline import Mixture, augment, mix
from inceptionkit.data.transforms.random_crop import Boxes, crop_resize, draw_boxes, draw_resamplers
from inceptionkit.preprocess import RESAMPLERS, Preprocessing

HERE = Path(__file__).parent
WIDE, TALL, SIDE, SAMPLES, GAP = 256, 224, 112, 6, 6  # pixels, but for the count
FINE = 4  # times larger the scenes are painted
UNCHANGED = Preprocessing(size=SIDE, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
STILL = Augmentation(crop=RandomCrop(area_low=1.0, aspect=1.0), flip="none")
CROPS = Augmentation(flip="none")


def scene(*, sea: bool) -> Image.Image:
    """A boat on the sea, or a house on a hill: left and right differ, and so do the colors."""
    top, low = ((255, 196, 120), (120, 190, 230)) if sea else ((90, 130, 200), (230, 235, 245))
    share = np.linspace(0, 1, TALL * FINE)[:, None, None]
    sky = (1 - share) * np.array(top) + share * np.array(low)
    image = Image.fromarray(np.broadcast_to(sky, (TALL * FINE, WIDE * FINE, 3)).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    (boat if sea else house)(draw)
    image = image.resize((WIDE, TALL), Image.Resampling.LANCZOS)
    grain = np.random.default_rng(int(sea)).normal(0, 2.5, (TALL, WIDE, 1))
    return Image.fromarray((np.asarray(image) + grain).clip(0, 255).astype(np.uint8))


def paint(
    draw: ImageDraw.ImageDraw, color: tuple[int, int, int], *points: tuple[float, float]
) -> None:
    """Fill a polygon given in pixels of the scene."""
    draw.polygon([(x * FINE, y * FINE) for x, y in points], color)


def disc(
    draw: ImageDraw.ImageDraw, color: tuple[int, int, int], x: float, y: float, radius: float
) -> None:
    """Fill a circle given in pixels of the scene."""
    corners = [x - radius, y - radius, x + radius, y + radius]
    draw.ellipse([v * FINE for v in corners], color)


def boat(draw: ImageDraw.ImageDraw) -> None:
    """Sun, waves, a hull with two sails and a flag."""
    disc(draw, (255, 236, 150), 206, 44, 22)
    for row in range(12):
        y, shade = 128 + 8 * row, 1 - row / 22
        wave = [(x, y + 2.5 * np.sin(x / 11 + 2.1 * row)) for x in range(0, WIDE + 4, 4)]
        color = tuple(int(shade * level) for level in (46, 130, 168))
        paint(draw, color, *wave, (WIDE, TALL), (0, TALL))
    paint(draw, (150, 40, 36), (58, 140), (176, 140), (156, 166), (78, 166))
    paint(draw, (70, 44, 30), (111, 34), (115, 34), (115, 140), (111, 140))
    paint(draw, (250, 248, 240), (118, 42), (118, 132), (172, 132))
    paint(draw, (236, 220, 190), (108, 52), (108, 132), (66, 132))
    paint(draw, (30, 110, 70), (111, 34), (88, 28), (111, 22))


def house(draw: ImageDraw.ImageDraw) -> None:
    """Moon, mountains, a hill, a house with a chimney, and a tree beside it."""
    disc(draw, (250, 250, 235), 46, 42, 16)
    paint(draw, (130, 140, 170), (0, 150), (60, 70), (112, 140), (170, 60), (256, 150))
    paint(draw, (240, 244, 250), (60, 70), (46, 89), (60, 96), (74, 90))
    paint(draw, (240, 244, 250), (170, 60), (152, 82), (170, 92), (192, 82))
    hill = [(x, 150 - 16 * np.sin(x / 80)) for x in range(0, WIDE + 4, 4)]
    paint(draw, (84, 140, 60), *hill, (WIDE, TALL), (0, TALL))
    paint(draw, (206, 180, 140), (120, 128), (206, 128), (206, 192), (120, 192))
    paint(draw, (160, 60, 50), (110, 130), (163, 86), (216, 130))
    paint(draw, (110, 66, 56), (186, 88), (198, 88), (198, 116), (186, 106))
    paint(draw, (80, 50, 36), (152, 154), (174, 154), (174, 192), (152, 192))
    for x in (128, 184):
        paint(draw, (250, 220, 120), (x, 142), (x + 14, 142), (x + 14, 158), (x, 158))
    paint(draw, (90, 60, 40), (52, 150), (62, 150), (62, 196), (52, 196))
    for x, y, radius in ((57, 124, 26), (42, 138, 18), (73, 138, 18)):
        disc(draw, (40, 110, 50), x, y, radius)


SEA, HILLS = scene(sea=True), scene(sea=False)


def tensor(image: Image.Image, count: int) -> Tensor:
    """(count, 3, height, width) uint8: the same picture again and again."""
    pixels = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)
    return pixels.expand(count, -1, -1, -1).contiguous()


def samples(
    how: Augmentation, *, image: Image.Image = SEA, epoch: int = 0, first: int = 0
) -> Tensor:
    """Six samples of one picture, (6, 3, side, side) from 0 to 1."""
    rng = CounterRng(5, epoch, np.arange(first, first + SAMPLES))
    shape = np.full(SAMPLES, WIDE / TALL)
    boxes = draw_boxes(how, shape, rng)
    random = how.interpolation == "random"
    resamplers = draw_resamplers(rng) if random else [how.interpolation]
    crops = crop_resize(tensor(image, SAMPLES), boxes, SIDE, resamplers)
    return augment(crops, how, UNCHANGED, rng)


def interpolations() -> Tensor:
    """The flag, enlarged by each interpolation."""
    one = np.ones(len(RESAMPLERS))
    flag = Boxes(0.09 * one, 0.32 * one, 0.16 * one, 0.14 * one, np.zeros(len(one), bool))
    return crop_resize(tensor(SEA, len(one)), flag, SIDE, tuple(RESAMPLERS)) / 255


def flips() -> Tensor:
    """Three images in two epochs."""
    how = replace(STILL, flip="alternating")
    return torch.cat([samples(how, epoch=epoch, first=2)[:3] for epoch in (0, 1)])


def mixtures(*, cut: bool) -> Tensor:
    """Two pictures, mixed in six ways."""
    images, partners = samples(STILL), samples(STILL, image=HILLS)
    boxes = [(20, 30, 70, 84), (0, 60, 50, 112), (50, 0, 112, 50), (8, 8, 40, 40), (60, 60, 90, 90)]
    ways = [Mixture(own) for own in (0.95, 0.9, 0.8, 0.7, 0.6, 0.5)]
    if cut:
        ways = [Mixture(0.0, box) for box in [*boxes, (30, 0, 112, 100)]]
    return torch.stack([mix(images[:1], partners[:1], way)[0] for way in ways])


ERASED = replace(STILL, erasing=1.0)
STRIPS: Mapping[str, Callable[[], Tensor]] = MappingProxyType(
    {
        "crops": lambda: samples(CROPS),
        "interpolation": interpolations,
        "flip": flips,
        "padding": lambda: samples(replace(STILL, crop=PaddedCrop(padding=14))),
        "photometric": lambda: samples(replace(STILL, policy=Photometric(0.4))),
        "inception": lambda: samples(replace(STILL, policy=InceptionColors())),
        "trivial": lambda: samples(replace(STILL, policy=TrivialAugment()), first=76),
        "rand": lambda: samples(replace(STILL, policy=RandAugment())),
        "erasing": lambda: grey(samples(ERASED)),
        "mixup": lambda: mixtures(cut=False),
        "cutmix": lambda: mixtures(cut=True),
    }
)


def grey(images: Tensor) -> Tensor:
    """Zero is the mean where images are normalized; here it would be black."""
    return torch.where(images == 0, 0.5, images)


def strip(found: Tensor) -> Image.Image:
    """The original, a gap, and the samples in a row, on white."""
    page = Image.new("RGB", ((SIDE + GAP) * (SAMPLES + 1) + 2 * GAP, SIDE), (255, 255, 255))
    page.paste(frame(samples(STILL)[0]), (0, 0))
    for place, image in enumerate(found):
        page.paste(frame(image), ((SIDE + GAP) * (place + 1) + 2 * GAP, 0))
    return page


def frame(image: Tensor) -> Image.Image:
    """One picture as Pillow has it."""
    levels = (image * 255).round().clamp(0, 255).byte()
    return Image.fromarray(levels.permute(1, 2, 0).numpy())


if __name__ == "__main__":
    for name, make in STRIPS.items():
        strip(make()).save(HERE / f"augmentation-{name}.jpg", quality=88)
