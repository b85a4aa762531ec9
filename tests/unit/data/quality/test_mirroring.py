"""What images tell of being mirrored."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from inceptionkit.data import decode_samples, open_dataset
from inceptionkit.data.quality.inspect import thumbnail
from inceptionkit.data.quality.mirroring import mirroring_changes_class
from inceptionkit.data.quality.near_duplicates import Thumbnails


def blobs(classes: int, each: int, seed: int) -> tuple[Thumbnails, np.ndarray]:
    """Pictures of no side: smooth noise in the color of their class, a mirror's being as likely."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), each)
    colors = random.uniform(60, 200, (classes, 1, 1, 3))[labels]
    noise = np.kron(random.normal(0, 30, (len(labels), 8, 8, 3)), np.ones((1, 2, 2, 1)))
    return (colors + noise).clip(0, 255).astype(np.uint8), labels


def arrows(each: int, *, moved: float, seed: int) -> tuple[Thumbnails, np.ndarray]:
    """Arrows to the left and to the right, of any dark color on any bright one."""
    random = np.random.default_rng(seed)
    found = []
    for label in np.repeat([0, 1], each):
        image = Image.new("RGB", (64, 64), tuple(random.integers(120, 256, 3).tolist()))
        x, y = 32 + random.uniform(-moved, moved, 2)
        tip = (x + 20 - 40 * label, y)
        dark = tuple(random.integers(0, 90, 3).tolist())
        draw = ImageDraw.Draw(image)
        draw.line([(2 * x - tip[0], y), tip], fill=dark, width=8)
        draw.polygon([tip, (x, y - 14), (x, y + 14)], fill=dark)
        found.append(thumbnail(np.asarray(image)))
    return np.stack(found), np.repeat([0, 1], each)


@pytest.mark.parametrize("seed", range(5))
def test_what_has_no_side_may_be_mirrored(seed: int) -> None:
    assert not mirroring_changes_class(*blobs(5, 60, seed))


def test_copies_that_are_not_mirrored_are_no_sign() -> None:
    """Each finds its copy, and its mirror image none."""
    shown, labels = blobs(5, 60, 0)
    random = np.random.default_rng(1)
    changed = (shown + random.normal(0, 2, shown.shape)).clip(0, 255).astype(np.uint8)

    assert not mirroring_changes_class(np.concatenate([shown, changed]), np.tile(labels, 2))


@pytest.mark.parametrize("moved", [0.0, 4.0])
@pytest.mark.parametrize("each", [10, 100])
def test_arrows_to_both_sides_are_told_apart(each: int, moved: float) -> None:
    shown, labels = arrows(each, moved=moved, seed=0)
    order = np.random.default_rng(0).permutation(len(labels))

    assert mirroring_changes_class(shown[order], labels[order])


def test_two_classes_of_many_suffice() -> None:
    shown, labels = blobs(10, 60, 0)
    signs, sides = arrows(60, moved=2.0, seed=0)

    assert mirroring_changes_class(
        np.concatenate([shown, signs]), np.concatenate([labels, sides + 10])
    )


def test_a_single_arrow_on_each_side_many_times() -> None:
    """Without its copies a class has nothing left; its mirror image is a copy of the other's."""
    signs, _ = arrows(1, moved=0.0, seed=0)
    signs[1] = signs[0, :, ::-1]
    shown, labels = np.repeat(signs, 10, axis=0), np.repeat([0, 1], 10)

    assert mirroring_changes_class(shown, labels)


def test_digits_are_not_mirrored_whatever_their_classes_are_called() -> None:
    dataset = open_dataset("digits")
    shown = decode_samples(dataset, np.arange(400), thumbnail).pixels

    assert mirroring_changes_class(shown, dataset.samples.labels[:400])


def test_too_few_to_tell() -> None:
    shown, labels = blobs(2, 1, 0)

    assert not mirroring_changes_class(shown, labels)
    assert not mirroring_changes_class(shown[:0], labels[:0])
