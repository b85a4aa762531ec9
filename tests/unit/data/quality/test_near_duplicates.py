"""Near-duplicates: which copies are found, and that different pictures are not."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageEnhance, ImageOps

from inceptionkit.data import decode_sample, open_dataset
from inceptionkit.data.quality.inspect import thumbnail
from inceptionkit.data.quality.inspect import thumbnails as thumbnails_of
from inceptionkit.data.quality.near_duplicates import (
    MAX_DETAIL_DIFFERENCE,
    MAX_PICTURE_DIFFERENCE,
    Group,
    detail_difference,
    detail_limit,
    find_groups,
    flipped_hashes,
    perceptual_hashes,
    picture_difference,
    similar_pairs,
)

Scene = Callable[..., Image.Image]


def thumbnails(*images: Image.Image) -> np.ndarray:
    return np.stack([thumbnail(np.asarray(image.convert("RGB"))) for image in images])


def pairs(*images: Image.Image, allows_flip: bool = True) -> list[tuple[int, ...]]:
    return [
        tuple(pair) for pair in similar_pairs(thumbnails(*images), allows_flip=allows_flip).tolist()
    ]


def saved_again(image: Image.Image) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=30)
    return Image.open(stream)


def cropped(image: Image.Image, share: float) -> Image.Image:
    x, y = (round(side * share / 2) for side in image.size)
    return image.crop((x, y, image.width - x, image.height - y))


COPIES = {
    "saved again at quality 30": saved_again,
    "half the size": lambda image: image.resize((image.width // 2, image.height // 2)),
    "squeezed into a square": lambda image: image.resize((100, 100)),
    "30 % brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.3),
    "less contrast": lambda image: ImageEnhance.Contrast(image).enhance(0.7),
    "turned by 2 degrees": lambda image: image.rotate(2, Image.Resampling.BILINEAR),
    "cropped by 3 %": lambda image: cropped(image, 0.03),
}


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_a_copy_is_found(scene: Scene, copy: Callable) -> None:
    others = [scene(number) for number in range(1, 40)]

    assert pairs(scene(0), copy(scene(0)), *others) == [(0, 1, 0)]


def test_a_mirrored_copy_is_one_only_where_mirroring_keeps_the_meaning(scene: Scene) -> None:
    images = scene(0), ImageOps.mirror(scene(0)), scene(1)

    assert pairs(*images) == [(0, 1, 1)]
    assert pairs(*images, allows_flip=False) == []


def test_different_pictures_are_no_copies(scene: Scene) -> None:
    assert pairs(*(scene(number) for number in range(300))) == []


def test_a_common_frame_or_sky_makes_no_copy(scene: Scene) -> None:
    sky = Image.linear_gradient("L").resize((200, 150)).convert("RGB")
    images = []
    for number in range(200):
        image = sky.copy()
        image.paste(scene(number, (60, 40)), (20 + number % 100, 30 + number // 4))
        images.append(ImageOps.expand(image, 12))

    assert pairs(*images) == []


def test_a_common_background_with_other_details_makes_no_copy() -> None:
    random = np.random.default_rng(0)
    coarse = np.kron(random.integers(60, 200, (4, 4, 3)), np.ones((4, 4, 1)))
    images = [
        Image.fromarray((coarse + random.normal(0, 11, coarse.shape)).clip(0, 255).astype(np.uint8))
        for _ in range(2)
    ]
    one, other = thumbnails(images[0]), thumbnails(images[1])

    assert picture_difference(one, other)[0] < MAX_PICTURE_DIFFERENCE
    assert detail_difference(one, other)[0] > MAX_DETAIL_DIFFERENCE
    assert pairs(*images) == []


def test_handwritten_digits_of_different_hands_are_no_copies() -> None:
    dataset = open_dataset("digits")
    shown = np.stack(
        [thumbnail(decode_sample(dataset, index)) for index in range(len(dataset.samples))]
    )

    assert detail_limit(shown) < 0.1 * MAX_DETAIL_DIFFERENCE
    assert len(similar_pairs(shown, allows_flip=False)) == 0


def test_two_images_that_are_copies_are_found_without_others(scene: Scene) -> None:
    assert pairs(scene(0), saved_again(scene(0))) == [(0, 1, 0)]


@pytest.mark.parametrize("number", [0, 1])
def test_fewer_than_two_images_have_no_pair(scene: Scene, number: int) -> None:
    shown = thumbnails(scene(0))[:number]

    assert similar_pairs(shown, allows_flip=True).shape == (0, 3)


def test_flat_images_are_alike_only_if_equal() -> None:
    flat = [Image.new("RGB", (20, 20), (level, level, level)) for level in (10, 11, 200, 10)]

    assert pairs(*flat) == [(0, 3, 0)]


def test_where_all_images_look_alike_only_the_nearly_equal_are_copies(scene: Scene) -> None:
    """A still camera over a belt: what differs is small, and is what counts."""
    random = np.random.default_rng(0)
    still = np.asarray(scene(0).resize((32, 32)), np.int16)
    noise = random.integers(-9, 10, (1000, *still.shape), np.int16)
    frames = np.clip(still + noise, 0, 255).astype(np.uint8)
    again = Image.fromarray(frames[7]).resize((64, 64), Image.Resampling.NEAREST)
    shown = np.concatenate([[thumbnail(frame) for frame in frames], thumbnails(again)])
    groups = find_groups(shown, np.arange(1001), allows_flip=True)

    assert [group.members for group in groups] == [(7, 1000)]


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (16, 16), (28, 28), (32, 32), (32, 64), (64, 64), (128, 128)]
)
@pytest.mark.parametrize("count", [0, 1, 9])
def test_thumbnails_of_many_images_are_those_of_each(
    height: int, width: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inceptionkit.data.quality.inspect.IMAGES_PER_STACK", 5)
    random = np.random.default_rng(height)
    images = random.integers(0, 256, (count, height, width, 3), np.uint8)
    each = np.array([thumbnail(image) for image in images], np.uint8).reshape(-1, 16, 16, 3)

    np.testing.assert_array_equal(thumbnails_of(images), each)


@given(arrays(np.uint8, (3, 16, 16, 3)))
def test_mirroring_an_image_flips_known_bits(images: np.ndarray) -> None:
    there = flipped_hashes(perceptual_hashes(images))
    hashes = perceptual_hashes(np.ascontiguousarray(images[:, :, ::-1]))
    differ = np.bitwise_count(there ^ hashes)

    assert flipped_hashes(there).tolist() == perceptual_hashes(images).tolist()
    # a frequency that is not there at all has a sign of rounding alone
    if images.astype(int).std(axis=(1, 2, 3)).min() > 30:
        assert differ.max() <= 6


@given(st.integers(2, 12), st.randoms())
def test_groups_do_not_depend_on_the_order(count: int, shuffle: object) -> None:
    random = np.random.default_rng(count)
    distinct = random.integers(0, 256, (count, 16, 16, 3), np.uint8)
    images = np.concatenate([distinct, distinct[: count // 2], distinct[:1]])
    order = list(range(len(images)))
    shuffle.shuffle(order)
    groups = find_groups(images[order], np.array(order), allows_flip=True)

    found = {frozenset(group.members) for group in groups}
    assert found == {
        frozenset({at, count + at} | ({count + count // 2} if at == 0 else set()))
        for at in range(count // 2)
    } | ({frozenset({0, count + count // 2})} if count // 2 == 0 else set())


def test_a_group_is_exact_if_all_its_pixels_are(scene: Scene) -> None:
    shown = thumbnails(scene(0), scene(0), scene(1), saved_again(scene(1)))
    hashes = np.array([5, 5, 6, 7], np.uint64)
    groups = find_groups(shown, np.array([3, 8, 9, 12]), allows_flip=True, pixels=hashes)

    assert groups == (
        Group((3, 8), exact=True, mirrored=False),
        Group((9, 12), exact=False, mirrored=False),
    )
