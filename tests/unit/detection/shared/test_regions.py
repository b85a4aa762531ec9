"""Region pooling, suppression and box coding, against what another implementation gives."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from inceptionkit.deployment.onnx import FLOAT, OnnxBuilder, library
from inceptionkit.detection import boxes as numpy_boxes
from inceptionkit.detection.shared.anchors import anchor_sides
from inceptionkit.detection.shared.coding import anchor_grid, clip, decode, encode, iou
from inceptionkit.detection.shared.nms import suppress
from inceptionkit.detection.shared.roi_align import roi_align


def some_boxes(count: int, size: float, seed: int = 0) -> Tensor:
    """(count, 4) boxes, some of them beyond the border of an image of that many pixels."""
    draws = torch.rand(count, 4, generator=torch.Generator().manual_seed(seed))
    low = draws[:, :2] * size * 1.2 - 0.2 * size
    return torch.cat([low, low + 1 + draws[:, 2:] * size * 0.6], 1)


def onnx_roi_align(features: Tensor, boxes: Tensor, per_pixel: float) -> np.ndarray:
    """What ONNX Runtime's own kernel gives for the boxes of each image."""
    graph = OnnxBuilder()
    of = torch.arange(len(boxes)).repeat_interleave(boxes.shape[1])
    flat = boxes.flatten(0, 1)
    graph.put(
        "RoiAlign", ["x", flat.numpy(), of.numpy()], "y", output_height=7, output_width=5,
        sampling_ratio=2, spatial_scale=per_pixel, coordinate_transformation_mode="half_pixel",
    )  # fmt: skip
    model = graph.model("g", [("x", FLOAT, [None] * 4)], [("y", FLOAT, [None] * 4)])
    session = library("onnxruntime").InferenceSession(model.SerializeToString())
    return session.run(None, {"x": features.numpy()})[0]


def test_roi_align_is_that_of_onnx_runtime() -> None:
    """Inside, across the border and far outside, where samples count as nothing."""
    features = torch.randn(2, 5, 12, 17, generator=torch.Generator().manual_seed(1))
    boxes = some_boxes(40, 136).view(2, 20, 4)

    pooled = roi_align(features, boxes, (7, 5), (1 / 8, 1 / 8)).flatten(0, 1)

    np.testing.assert_allclose(pooled, onnx_roi_align(features, boxes, 1 / 8), atol=1e-5)


def test_the_gradient_of_roi_align_is_that_of_finite_differences() -> None:
    features = torch.randn(1, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    boxes = some_boxes(3, 40)[None]

    assert torch.autograd.gradcheck(lambda x: roi_align(x, boxes, (2, 2), (0.1, 0.1)), features)


def test_suppression_is_that_of_onnx_runtime() -> None:
    boxes, scores = some_boxes(200, 100), torch.rand(200)
    graph = OnnxBuilder()
    limits = [np.array([200]), np.array([0.4], np.float32), np.array([0.0], np.float32)]
    reads = [boxes[None].numpy(), scores[None, None].numpy(), *limits]
    graph.put("NonMaxSuppression", reads, "kept")
    model = graph.model("g", [], [("kept", 7, [None, 3])])
    session = library("onnxruntime").InferenceSession(model.SerializeToString())

    kept = session.run(None, {})[0][:, 2]

    assert suppress(boxes, scores, 0.4).tolist() == kept.tolist()


@given(st.integers(0, 60), st.integers(0, 10**6), st.floats(0.05, 0.95))
def test_suppression_is_that_of_the_greedy_loop(count: int, seed: int, most: float) -> None:
    boxes = some_boxes(count, 30, seed)
    scores = torch.rand(count, generator=torch.Generator().manual_seed(seed))
    if count:
        scores[seed % count] = scores[0]  # equal scores

    kept = suppress(boxes, scores, most)

    assert kept.tolist() == numpy_boxes.suppress(boxes.numpy(), scores.numpy(), most).tolist()
    assert suppress(boxes[kept], scores[kept], most).tolist() == list(range(len(kept)))


@given(st.integers(0, 60), st.integers(0, 10**6))
def test_a_class_is_suppressed_for_itself(count: int, seed: int) -> None:
    boxes = some_boxes(count, 30, seed)
    draws = torch.rand(count, 2, generator=torch.Generator().manual_seed(seed))
    scores, labels = draws[:, 0], (draws[:, 1] * 3).long()

    kept = suppress(boxes, scores, 0.5, labels)

    each = [torch.nonzero(labels == label).flatten() for label in range(3)]
    alone = torch.cat([of[suppress(boxes[of], scores[of], 0.5)] for of in each])
    assert sorted(kept.tolist()) == sorted(alone.tolist())


def test_decoding_undoes_encoding() -> None:
    boxes, around = some_boxes(50, 100, 1), some_boxes(50, 100, 2)

    torch.testing.assert_close(decode(encode(boxes, around), around), boxes, atol=1e-3, rtol=1e-4)


def test_overlaps_and_clipping_are_those_of_numpy() -> None:
    first, second = some_boxes(20, 100, 1), some_boxes(30, 100, 2)

    np.testing.assert_allclose(
        iou(first, second), numpy_boxes.iou(first.numpy(), second.numpy()), atol=1e-5
    )
    np.testing.assert_array_equal(clip(first, (50, 80)), numpy_boxes.clip(first.numpy(), (50, 80)))


def test_anchors_have_the_sizes_of_the_boxes() -> None:
    draws = np.random.default_rng(0).normal(0, 1, (300, 2))
    kinds = np.array([[20, 20], [60, 50], [150, 170]])
    sides = (kinds[np.arange(300) % 3] + draws).astype(np.float32)

    assert np.allclose(anchor_sides(sides), kinds, atol=0.5)


def test_one_box_makes_one_anchor() -> None:
    assert anchor_sides(np.array([[30, 20]], np.float32)) == ((30.0, 20.0),)


def test_anchors_lie_in_the_middle_of_their_cells() -> None:
    grid = anchor_grid((2, 3), (1 / 8, 1 / 8), torch.tensor([[8.0, 4.0], [2.0, 2.0]]))

    assert grid.shape == (12, 4)
    assert grid[0].tolist() == [2, 0, 6, 8]
    assert grid[3].tolist() == [11, 3, 13, 5]


@pytest.mark.parametrize("count", [0, 1])
def test_few_boxes_are_no_special_case(count: int) -> None:
    boxes = some_boxes(count, 10)

    assert suppress(boxes, torch.ones(count), 0.5).tolist() == list(range(count))
    assert roi_align(torch.ones(1, 2, 3, 3), boxes[None], (2, 2), (0.1, 0.1)).shape[1] == count
