"""The papers' crops against coordinates worked by hand."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from inceptionkit.errors import RecipeError
from inceptionkit.evaluation.multi_crop import (
    AS_IN_USE,
    GOOGLENET,
    PROTOCOLS,
    TEN,
    Protocol,
    cut,
    parse_protocols,
    square,
)
from inceptionkit.preprocess import Preprocessing

HOW = Preprocessing(size=224)


def test_googlenet_section_7_has_144_crops() -> None:
    """4 scales x 3 squares x 6 crops x 2 with mirrors."""
    crops = GOOGLENET.crops(224)

    assert len(set(crops)) == len(crops) == 144
    assert {c.side for c in crops} == {256, 288, 320, 352}
    assert {c.position for c in crops} == {0.0, 0.5, 1.0}
    assert sum(c.mirrored for c in crops) == 72


def test_six_crops_of_one_square_by_hand() -> None:
    """At 288 a 224 patch has 64 pixels of room; the sixth is the square itself."""
    own = [c for c in GOOGLENET.crops(224) if (c.side, c.position, c.mirrored) == (288, 0.5, False)]

    assert [(c.left, c.top, c.extent) for c in own] == [
        (0, 0, 224), (64, 0, 224), (0, 64, 224), (64, 64, 224), (32, 32, 224), (0, 0, 288),
    ]  # fmt: skip


def test_ten_crops_by_hand() -> None:
    """Krizhevsky et al. 2012, section 4.1: 224 of 256, corners and center, and their mirrors."""
    crops = TEN.crops(224)

    assert [(c.left, c.top) for c in crops[::2]] == [(0, 0), (32, 0), (0, 32), (32, 32), (16, 16)]
    assert [(c.left, c.top) for c in crops[1::2]] == [(c.left, c.top) for c in crops[::2]]
    assert {(c.side, c.position, c.extent) for c in crops} == {(256, 0.5, 224)}


def test_squares_of_landscapes_and_portraits_by_hand() -> None:
    """Left, middle, right of 500x375; top, middle, bottom of 300x400."""
    landscape = [square((500, 375), position) for position in (0.0, 0.5, 1.0)]
    portrait = [square((300, 400), position) for position in (0.0, 0.5, 1.0)]

    assert landscape == [(0, 0, 375, 375), (62.5, 0, 437.5, 375), (125, 0, 500, 375)]
    assert portrait == [(0, 0, 300, 300), (0, 50, 300, 350), (0, 100, 300, 400)]


def test_sides_scale_with_the_input() -> None:
    """The grid for 299: 299 * 288 / 224 is 384.4."""
    assert {c.side for c in GOOGLENET.crops(299)} == {342, 384, 427, 470}
    assert {c.side for c in GOOGLENET.crops(32)} == {37, 41, 46, 50}
    assert {c.side for c in TEN.crops(224)} == {256}


def test_what_is_cut_is_what_the_coordinates_say() -> None:
    """A 512x256 ramp: each pixel's red is its column / 2, its green its row."""
    columns, rows = np.meshgrid(np.arange(512), np.arange(256))
    image = np.stack([columns // 2, rows, 0 * rows], axis=2).astype(np.uint8)
    found = cut(image, TEN, HOW)
    both = cut(image, Protocol(name="t", sides=(256,), positions=(0.0, 1.0)), HOW)

    assert found.shape == (10, 224, 224, 3)
    assert found[0, 0, 0].tolist() == [64, 0, 0]  # the middle square begins at column 128
    assert found[2, 0, 0].tolist() == [80, 0, 0]  # 32 further
    assert found[4, 0, 0].tolist() == [64, 32, 0]
    assert found[8, 0, 0].tolist() == [72, 16, 0]
    assert both[0, 0, 0].tolist() == [8, 16, 0]
    assert both[1, 0, 0].tolist() == [136, 16, 0]
    assert (found[1::2] == found[::2, :, ::-1]).all()


def test_the_whole_square_is_resized_to_the_input() -> None:
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (256, 256, 3), np.uint8)
    found = cut(image, Protocol(name="t", sides=(256,), patches=("whole",)), HOW)
    expected = Image.fromarray(image).resize((224, 224), Image.Resampling.BILINEAR)

    assert (found[0] == np.asarray(expected)).all()


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 400),
    width=st.integers(1, 400),
    size=st.integers(8, 64),
    name=st.sampled_from(["1", "10", "144", "224+300"]),
)
def test_every_crop_of_any_image_has_the_size_of_the_input(
    height: int, width: int, size: int, name: str
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    (protocol,) = parse_protocols(name)

    assert cut(image, protocol, Preprocessing(size=size)).shape == (protocol.count, size, size, 3)


def test_one_crop_is_what_the_model_sees_in_use() -> None:
    how = Preprocessing(size=20, crop=0.875)
    image = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)

    assert (cut(image, AS_IN_USE, how)[0] == how.fit(image)).all()


@pytest.mark.parametrize("text", ["", "7", "10,", "256", "256+", "-1", "1;10", "256+288px"])
def test_what_are_no_crops(text: str) -> None:
    with pytest.raises(RecipeError, match=r"^no crops are called '.*'; there are 1, 10, 144, and"):
        parse_protocols(text)


def test_a_side_below_the_input() -> None:
    with pytest.raises(RecipeError, match=r"^100\+256: a short side must be at least 224, "):
        parse_protocols("100+256")


def test_a_protocol_is_called_by_its_number_of_crops() -> None:
    assert {name: protocol.count for name, protocol in PROTOCOLS.items()} == {
        "1": 1, "10": 10, "144": 144,
    }  # fmt: skip


def test_the_drawing_in_the_documentation_is_that_of_the_code() -> None:
    """Made anew with `python docs/draw_crops.py`."""
    docs = Path(__file__).parents[3] / "docs"
    found = runpy.run_path(str(docs / "draw_crops.py"))

    assert (docs / "images" / "crops.svg").read_text(encoding="utf-8") == found["drawing"]()
