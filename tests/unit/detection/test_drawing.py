"""Boxes as pictures: drawn with class, score and exit, and explained."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inceptionkit.detection.draw import COLORS, Label, drawn, with_boxes
from inceptionkit.detection.explain import explain_objects
from inceptionkit.detection.find import write_picture
from inceptionkit.detection.shared.design import Design
from inceptionkit.detection.shared.network import DetectorNet
from inceptionkit.detection.shared.predict import SharedDetector
from inceptionkit.detection.types import Detections
from inceptionkit.errors import RecipeError
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Net

FOUND = Detections(
    np.array([[100, 100, 300, 250], [0, 0, 640, 480], [10, 400, 30, 470]], np.float32),
    np.array([0, 1, 0]),
    np.array([0.9, 0.5, 0.1], np.float32),
    ("main", "exit1", "main"),
)
GREY = np.full((480, 640, 3), 128, np.uint8)


def test_every_box_has_an_outline_in_the_color_of_its_class() -> None:
    picture = np.asarray(drawn(GREY, FOUND, ("a", "b")))

    assert picture.shape == GREY.shape
    assert tuple(picture[200, 100]) == tuple(picture[200, 299]) == COLORS[0]
    assert tuple(picture[240, 0]) == tuple(picture[479, 320]) == COLORS[1]
    assert tuple(picture[180, 200]) == (128, 128, 128)


def test_boxes_below_the_score_are_left_out() -> None:
    picture = np.asarray(drawn(GREY, FOUND, ("a", "b"), least_score=0.3))

    assert tuple(picture[440, 10]) == (128, 128, 128)


@pytest.mark.parametrize("text", ["", "rose 0.90 exit1", "猫 \ud800", "x" * 300])
@pytest.mark.parametrize("dashed", [False, True])
def test_any_label_and_any_box_can_be_drawn(text: str, *, dashed: bool) -> None:
    boxes = np.array([[-5, -5, 1, 1], [30, 20, 30, 20], [0, 0, 900, 900]], np.float32)

    picture = with_boxes(GREY[:20, :30], boxes, [Label(text, COLORS[2], dashed)] * 3)

    assert picture.size == (480, 320)


def test_a_detector_with_shared_features_is_explained_by_covering_parts(tiny: Net) -> None:
    last = tiny.trunk[-1][0]
    design = Design(
        net=tiny, size=(64, 96), taps=(last,), rejecter=tiny.trunk[0][0], anchors=((20, 30),)
    )
    model = DetectorNet(design, 2, seed=0).eval()
    detector = SharedDetector(model, ("a", "b"), Preprocessing(size=16))

    picture = Image.open(BytesIO(explain_objects(detector, GREY, FOUND.above(0.6))))

    assert picture.format == "PNG"
    assert picture.height > 192  # a row for each object


def test_what_is_no_network_cannot_be_explained() -> None:
    class Graph:
        classes = ("a", "b")

        def detect(self, _: object) -> Detections:
            return FOUND

    with pytest.raises(RecipeError, match="give the run that it was exported from"):
        explain_objects(Graph(), GREY, FOUND)


def test_no_picture_replaces_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"a photograph of the user")

    places = [write_picture(tmp_path, "a", Image.fromarray(GREY)) for _ in range(2)]

    assert [place.name for place in places] == ["a-2.png", "a-3.png"]
    assert (tmp_path / "a.png").read_bytes() == b"a photograph of the user"
