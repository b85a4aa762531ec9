"""Crops of encoded images are those that would be cut in memory."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from inceptionkit.data.rng import CounterRng
from inceptionkit.data.transforms.augmentation import Augmentation, Cropping, PaddedCrop
from inceptionkit.data.transforms.random_crop import (
    crop_resize,
    crops_from_encoded,
    draw_boxes,
    draw_resamplers,
)
from inceptionkit.preprocess import RESAMPLERS, Resampler, UnusableImage

HOWS = [
    Augmentation(flip="random"),
    Augmentation(flip="random", interpolation="random"),
    Augmentation(flip="none", crop=PaddedCrop(padding=4)),
]


def files(count: int) -> tuple[list[bytes], list[np.ndarray]]:
    """PNG files of several shapes, and their pixels."""
    random = np.random.default_rng(0)
    sizes = [(30 + 7 * n, 50 - 3 * n) for n in range(count)]
    pictures = [random.integers(64, 192, (*size, 3), np.uint8) for size in sizes]
    raws = []
    for picture in pictures:
        stream = BytesIO()
        Image.fromarray(picture).save(stream, "PNG")
        raws.append(stream.getvalue())
    return raws, pictures


@pytest.mark.parametrize("how", HOWS, ids=str)
def test_a_crop_is_the_one_drawn_for_its_sample(how: Augmentation) -> None:
    raws, pictures = files(9)
    indices = np.arange(70, 79)
    cropping = Cropping(how=how, side=16, seed=3, epoch=1)
    found, reasons = crops_from_encoded(raws, cropping, indices)
    of_pixels, _ = crops_from_encoded(pictures, cropping, indices)

    assert not reasons
    assert np.abs(of_pixels.astype(int) - found).max() <= 1
    for place, picture in enumerate(pictures):
        rng = CounterRng(3, 1, indices[place : place + 1])
        boxes = draw_boxes(how, np.array([picture.shape[1] / picture.shape[0]]), rng)
        pixels = torch.from_numpy(picture).permute(2, 0, 1)[None]
        random = how.interpolation == "random"
        resamplers = draw_resamplers(rng) if random else [how.interpolation]
        wanted = crop_resize(pixels, boxes, 16, resamplers)[0].permute(1, 2, 0)

        assert np.abs(found[place] - wanted.numpy()).max() <= 1.3


def test_the_same_sample_gets_the_same_crop_in_any_batch() -> None:
    raws, _ = files(6)
    indices = np.arange(6)
    cropping = Cropping(how=HOWS[1], side=16, seed=0, epoch=0)
    whole, _ = crops_from_encoded(raws, cropping, indices)
    alone = [crops_from_encoded(raws[i : i + 1], cropping, indices[i : i + 1])[0] for i in range(6)]

    np.testing.assert_array_equal(np.concatenate(alone), whole)


def test_what_cannot_be_used_is_told_and_the_others_are_cut() -> None:
    raws, _ = files(3)
    cropping = Cropping(how=HOWS[0], side=16, seed=0, epoch=0)
    whole, _ = crops_from_encoded(raws, cropping, np.arange(3))
    bad = [raws[0][:200], b"no image at all, but text", UnusableImage("the shard is gone")]
    found, reasons = crops_from_encoded([*raws, *bad], cropping, np.arange(6))

    assert reasons == {3: "truncated", 4: "not an image", 5: "the shard is gone"}
    np.testing.assert_array_equal(found[:3], whole)


@pytest.mark.parametrize("name", sorted(RESAMPLERS))
def test_whole_images_of_the_side_asked_for_are_not_resampled(name: Resampler) -> None:
    """Beside an image that is cut every filter gives each of their pixels, as it was, too."""
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (5, 3, 12, 12), generator=random).to(torch.uint8)
    how = Augmentation(crop=PaddedCrop(), flip="random", interpolation=name)
    rng = CounterRng(0, 0, np.arange(5))
    boxes = draw_boxes(how, np.ones(5), rng)
    cut = replace(boxes, height=np.array([1.0, 1.0, 1.0, 1.0, 0.5]))
    found = crop_resize(pixels, boxes, 12, [name] * 5)
    beside = crop_resize(pixels, cut, 12, [name] * 5)

    assert 0 < boxes.mirrored.sum() < 5
    assert torch.equal(found[:4], beside[:4])
    for image, was, mirrored in zip(found, pixels, boxes.mirrored, strict=True):
        assert torch.equal(image, (was.flip(2) if mirrored else was).float())
    assert found.is_contiguous(memory_format=torch.channels_last)
