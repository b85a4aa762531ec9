"""Boxes follow their pixels through zooms, crops and flips."""

import numpy as np
import pytest
import torch

from inceptionkit.data.rng import CounterRng
from inceptionkit.detection.shared.augment import Augmentation, batch
from inceptionkit.detection.shared.fit import fitted
from inceptionkit.detection.shared.loss import IGNORED

HOW = Augmentation(size=(64, 96), flip="both", fill=(0, 0, 0))
COUNT = 40


def square(at: tuple[int, int], side: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """An image with a white square on black, and its box."""
    x, y = at
    pixels = np.zeros((80, 120, 3), np.uint8)
    pixels[y : y + side, x : x + side] = 255
    return pixels, np.array([[x, y, x + side, y + side]], np.float32)


def drawn(how: Augmentation = HOW, epoch: int = 0) -> tuple[torch.Tensor, object]:
    images = [square((2 * at, at)) for at in range(COUNT)]
    rng = CounterRng(0, epoch, np.arange(COUNT))
    return batch(images, [np.array([at]) for at in range(COUNT)], how, rng)


def test_boxes_lie_where_the_pixels_went() -> None:
    images, targets = drawn()

    checked = 0
    for image, box, label in zip(images, targets.boxes[:, 0], targets.labels[:, 0], strict=True):
        if label == IGNORED:
            continue
        bright = image.mean(0) > (image.min() + image.max()) / 2
        rows, columns = bright.any(1).nonzero().flatten(), bright.any(0).nonzero().flatten()
        around = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
        np.testing.assert_allclose(box, torch.stack(around).float(), atol=1.01)
        checked += 1
    assert checked > COUNT / 2


@pytest.mark.parametrize(("flip", "ways"), [("none", 1), ("horizontal", 2), ("both", 8)])
def test_flips_show_a_square_in_all_ways_and_its_box_follows(
    flip: str, ways: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The corners differ in color, and the box is around the second darkest."""
    monkeypatch.setattr("inceptionkit.detection.shared.augment._ZOOM", (1.0, 1.0))
    pixels = np.zeros((60, 60, 3), np.uint8)
    pixels[:30, :30], pixels[:30, 30:], pixels[30:, :30], pixels[30:, 30:] = 40, 90, 140, 190
    image = (pixels, np.array([[30, 0, 60, 30]], np.float32))
    how = Augmentation(size=(60, 60), flip=flip, fill=(0, 0, 0))
    rng = CounterRng(0, 0, np.arange(COUNT))

    images, targets = batch([image] * COUNT, [np.zeros(1, np.int64)] * COUNT, how, rng)

    corners = images.mean(1)[:, 15::30, 15::30].flatten(1).argsort(1)
    assert len({tuple(order) for order in corners.tolist()}) == ways
    for order, (x1, y1, x2, y2) in zip(corners, targets.boxes[:, 0].tolist(), strict=True):
        row, column = divmod(int(order[1]), 2)
        assert (x1, y1, x2, y2) == (column * 30, row * 30, column * 30 + 30, row * 30 + 30)


def test_a_transposed_image_keeps_its_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inceptionkit.detection.shared.augment._ZOOM", (1.0, 1.0))

    _, targets = drawn()

    whole = targets.boxes[:, 0][targets.labels[:, 0] != IGNORED]
    assert float((whole[:, 2:] - whole[:, :2]).max()) < 17  # 20 pixels at 0.8


def test_views_differ_between_epochs_and_not_between_calls() -> None:
    first, again, later = drawn()[0], drawn()[0], drawn(epoch=1)[0]

    assert torch.equal(first, again)
    assert not torch.equal(first, later)


def test_an_image_does_not_depend_on_its_batch() -> None:
    whole, _ = drawn()
    alone, _ = batch([square((10, 5))], [np.array([5])], HOW, CounterRng(0, 0, np.array([5])))

    assert torch.equal(alone[0], whole[5])


def test_an_object_that_is_cut_off_does_not_count() -> None:
    """It is no background either: its label says that it is left out."""
    images = [square((0, 0))] * 60
    _, targets = batch(images, [np.array([0])] * 60, HOW, CounterRng(0, 0, np.arange(60)))

    cut = targets.labels[:, 0] == IGNORED
    there = targets.boxes[:, 0, 2] > targets.boxes[:, 0, 0]
    assert (cut & there).any()
    assert (~cut).any()


def test_images_without_objects_make_a_batch() -> None:
    empty = (np.zeros((10, 10, 3), np.uint8), np.zeros((0, 4), np.float32))

    images, targets = batch([empty], [np.zeros(0, np.int64)], HOW, CounterRng(0, 0, np.arange(1)))

    assert images.shape == (1, 3, 64, 96)
    assert targets.labels.tolist() == [[IGNORED]]


@pytest.mark.parametrize("size", [(1, 1), (480, 640), (3000, 20), (17, 900)])
def test_an_image_is_fitted_whole(size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 200, np.uint8)

    whole, scale = fitted(image, (64, 96), (1, 2, 3))

    bright = (whole == 200).all(2)
    assert whole.shape == (64, 96, 3)
    rows, columns = bright.any(1).sum(), bright.any(0).sum()
    np.testing.assert_allclose(scale * [0, 0, *size[::-1]], [0, 0, columns, rows], rtol=1e-6)
    assert set(map(tuple, whole[~bright].tolist())) <= {(1, 2, 3)}
