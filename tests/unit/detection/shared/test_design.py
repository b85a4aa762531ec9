"""A detector is chosen for any network, and for the sizes of its images and objects."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inceptionkit.catalog import CATALOG, find
from inceptionkit.detection.shared.anchors import balanced
from inceptionkit.detection.shared.design import (
    Design,
    choose_design,
    choose_taps,
    limits,
    trunk_blocks,
    working_size,
)
from inceptionkit.errors import SpecError
from inceptionkit.spec import Net

SIZES = np.array([[480, 640]] * 3)


@pytest.mark.parametrize("name", sorted(CATALOG))
def test_every_network_of_the_catalog_serves(name: str) -> None:
    """Features lie 8 pixels apart where the trunk has such a grid, and coarser ones are added."""
    net = find(name)

    taps, rejecter = choose_taps(net, (256, 320))
    design = Design(net=net, size=(256, 320), taps=taps, rejecter=rejecter, anchors=((16.0, 16.0),))

    strides = [design.signal(tap).stride[0] for tap in taps]
    assert strides == sorted(set(strides))
    assert strides[0] <= 8
    assert strides[-1] == max(b.output.stride[0] for _, b in trunk_blocks(net, (256, 320)))


def test_objects_decide_the_size_and_the_anchors(tiny: Net) -> None:
    sides = np.array([[0.05, 0.05]] * 10 + [[0.4, 0.3]] * 90, np.float32)
    labels = np.array([0] * 10 + [1] * 90)

    design = choose_design(tiny, SIZES, sides, labels)

    assert design.size == (256, 320)
    assert design.anchors == ((16.0, 16.0), (128.0, 96.0))


def test_full_images_raise_the_limits_and_a_sentence_says_so(tiny: Net) -> None:
    sides, labels = np.full((300, 2), 0.07, np.float32), np.zeros(300, np.int64)

    usual, full, most = (
        choose_design(tiny, SIZES, sides, labels, fullest=fullest) for fullest in (50, 300, 9000)
    )

    assert [(d.among, d.proposals, d.most) for d in (usual, full, most)] == [
        (1000, 100, 100), (2400, 600, 600), (4000, 1000, 1000),
    ]  # fmt: skip
    assert limits(usual, sides, labels, asked=False) == []
    assert limits(full, sides, labels, asked=False) == [
        "training images are full: up to 600 objects are found in an image, among 600 regions"
    ]


def test_a_size_that_small_objects_would_need_is_named(tiny: Net) -> None:
    sides, labels = np.full((30, 2), 0.01, np.float32), np.zeros(30, np.int64)
    design = choose_design(tiny, SIZES, sides, labels)

    (said,) = limits(design, sides, labels, asked=False)
    assert said == (
        "images are resized to 640 pixels at most, so small objects get 6.4, fewer than 16; "
        "--input-size 1600 gives them more, and takes longer"
    )
    assert limits(design, sides, labels, asked=True) == []


@given(
    st.integers(1, 5_000),
    st.integers(1, 5_000),
    st.floats(0.001, 1),
    st.one_of(st.none(), st.integers(64, 2_000)),
)
def test_a_working_size_is_whole_and_within_limits(
    height: int, width: int, side: float, asked: int | None
) -> None:
    sides = np.full((4, 2), side, np.float32)

    size = working_size(np.array([[height, width]]), sides, asked)

    assert all(one % 32 == 0 and one >= 32 for one in size)
    assert max(size) <= max(640, asked or 0) + 16
    assert (size[0] <= size[1]) == (height <= width) or size[0] == size[1]


@given(st.lists(st.integers(0, 2), min_size=1, max_size=50))
def test_every_class_counts_the_same(labels: list[int]) -> None:
    sides = np.array([[1 + one, 1 + one] for one in labels], np.float32)

    found = balanced(sides, np.array(labels))

    assert [int((found[:, 0] == 1 + one).sum()) for one in sorted(set(labels))] == [64] * len(
        set(labels)
    )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"taps": ("inception9",)}, "has no block 'inception9'; did you mean"),
        ({"taps": ("inception3", "inception2")}, "must be in the order of the trunk"),
        ({"taps": ()}, "must be in the order of the trunk"),
        ({"rejecter": "inception3"}, "must be in the order of the trunk"),
        ({"anchors": ()}, "needs an anchor"),
    ],
)
def test_what_cannot_be_is_refused(changed: dict, words: str, tiny: Net) -> None:
    usual = {
        "net": tiny, "size": (64, 64), "taps": ("inception2", "inception3"), "rejecter": "conv1",
        "anchors": ((8.0, 8.0),),
    }  # fmt: skip

    with pytest.raises(SpecError, match=words):
        Design(**usual | changed)
