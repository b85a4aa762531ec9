"""Selective search: superpixels against the paper's method, and what the proposals promise."""

import annotated
import numpy as np
import pytest

from inceptionkit.detection.proposals import SelectiveSearch, propose, recall, selective_search
from inceptionkit.detection.proposals.segmentation import LEVELS, Borders, borders, segment
from inceptionkit.detection.types import AnnotatedImage


def by_the_paper(edges: Borders, scale: float) -> np.ndarray:
    """Felzenszwalb and Huttenlocher's algorithm 1, border by border."""
    count = edges.size[0] * edges.size[1]
    parent, pixels, inside = list(range(count)), [1] * count, [0.0] * count

    def root(one: int) -> int:
        while parent[one] != one:
            one = parent[one]
        return one

    for first, second, level in zip(edges.first, edges.second, edges.level, strict=True):
        one, other, weight = root(int(first)), root(int(second)), float(LEVELS[level])
        least = min(inside[one] + scale / pixels[one], inside[other] + scale / pixels[other])
        if one != other and weight <= least:
            parent[other] = one
            pixels[one] += pixels[other]
            inside[one] = weight
    roots = [root(one) for one in range(count)]
    return np.unique(roots, return_inverse=True)[1].reshape(edges.size)


@pytest.mark.parametrize("scale", [5.0, 30.0, 200.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_superpixels_are_those_of_the_paper(scale: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (4, 5, 3)).repeat(6, axis=0).repeat(6, axis=1)
    image = np.clip(coarse + rng.normal(0, 6, coarse.shape), 0, 255).astype(np.float32)
    edges = borders(image)

    ours, theirs = segment(edges, scale, 1), by_the_paper(edges, scale)

    assert 1 < ours.max() < ours.size
    pairs = set(zip(ours.ravel().tolist(), theirs.ravel().tolist(), strict=True))
    assert len(pairs) == ours.max() + 1 == theirs.max() + 1


def test_small_superpixels_go_to_a_neighbor() -> None:
    rng = np.random.default_rng(0)
    image = rng.uniform(0, 255, (30, 40, 3)).astype(np.float32)

    labels = segment(borders(image), 1, 25)

    assert np.bincount(labels.ravel()).min() >= 25
    assert sorted(set(labels.ravel().tolist())) == list(range(labels.max() + 1))


def test_objects_are_proposed_and_the_same_image_gives_the_same_boxes() -> None:
    image, objects = annotated.draw(1)
    pixels = np.asarray(image.resize((256, 192)))
    how = SelectiveSearch(scales=(50,), least_side=4)

    boxes = selective_search(pixels, how)

    truth = np.array([box for _, box in objects], np.float32) * 4
    one = AnnotatedImage(
        "a", annotated.__file__, (192, 256), None, truth, np.zeros(2, int), np.zeros(2, bool)
    )  # type: ignore[arg-type]
    assert recall([one], [boxes], counts=(100,))[0].at_70 == 1
    np.testing.assert_array_equal(boxes, selective_search(pixels.copy(), how))
    assert len(np.unique(boxes, axis=0)) == len(boxes)
    assert (boxes[:, 2:] - boxes[:, :2] >= 4).all()
    assert (boxes >= 0).all()
    assert boxes.max(axis=0).tolist() == [256, 192, 256, 192] or (
        boxes[:, 2].max() <= 256 and boxes[:, 3].max() <= 192
    )


@pytest.mark.parametrize("size", [(1, 1), (15, 300), (16, 16), (400, 17)])
def test_an_image_of_any_shape_and_of_one_color_has_a_proposal(size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 77, np.uint8)

    boxes = selective_search(image, SelectiveSearch(scales=(50,)))

    assert boxes.tolist() == [[0, 0, size[1], size[0]]]


def test_proposals_are_remembered_by_pixels_and_a_damaged_memory_is_not_used(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    pixels = np.asarray(annotated.draw(2)[0])
    how = SelectiveSearch(scales=(20,))
    first = propose(pixels, how)
    (kept,) = tmp_path.rglob("*.npz")  # type: ignore[attr-defined]

    import inceptionkit.detection.proposals.cache as memory

    def never(*_: object) -> None:
        pytest.fail("it was searched again")

    with monkeypatch.context() as patched:
        patched.setattr(memory, "selective_search", never)
        np.testing.assert_array_equal(propose(pixels, how), first)
    kept.write_bytes(b"damaged")
    np.testing.assert_array_equal(propose(pixels, how), first)


def test_recall_grows_with_the_number_of_proposals() -> None:
    image, objects = annotated.draw(3)
    boxes = selective_search(np.asarray(image), SelectiveSearch(scales=(20,), least_side=4))
    truth = np.array([box for _, box in objects], np.float32)
    one = AnnotatedImage(
        "a", annotated.__file__, annotated.SIZE, None, truth, np.zeros(2, int), np.zeros(2, bool)
    )  # type: ignore[arg-type]

    points = recall([one], [boxes], counts=(1, 5, 50, 500))

    assert [point.at_50 for point in points] == sorted(point.at_50 for point in points)
    assert all(point.at_70 <= point.at_50 for point in points)
