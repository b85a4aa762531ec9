"""Images of 12 bits in files of 16, which no file says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inceptionkit.detection.find import find_in_files, find_in_set
from inceptionkit.detection.load import LoadedDetector
from inceptionkit.detection.sources import open_detection
from inceptionkit.detection.types import Detections, Pixels, no_boxes

NOTE = "images with more than 8 bits a channel use 12 bits, and are scaled from these"


class Looks:
    """A detector that notes what it was shown."""

    classes = ("spot",)

    def __init__(self) -> None:
        self.means: list[float] = []

    def detect(self, image: Pixels) -> Detections:
        self.means.append(float(image.mean()))
        return Detections(no_boxes(), np.zeros(0, np.int64), np.zeros(0, np.float32), ())


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """Noise of 12 bits in PNGs of 16, with a box each."""
    folder, random = tmp_path / "deep", np.random.default_rng(0)
    folder.mkdir()
    rows = ["image,label,xmin,ymin,xmax,ymax"]
    for number in range(4):
        values = random.integers(2_000, 4_000, (20, 20)).astype(np.uint16)
        Image.fromarray(values).save(folder / f"{number}.png")
        rows.append(f"{number}.png,spot,2,3,12,15")
    (folder / "boxes.csv").write_text("\n".join(rows))
    return folder


def test_the_depth_of_a_set_is_measured_and_said(deep: Path) -> None:
    opened = open_detection(deep)

    assert opened.depth == 12
    assert opened.notes == (NOTE,)
    assert [150 < image.pixels().mean() < 220 for image in opened] == [True] * 4


def test_a_set_that_uses_all_bits_is_left_alone(deep: Path) -> None:
    Image.fromarray(np.full((20, 20), 60_000, np.uint16)).save(deep / "3.png")

    opened = open_detection(deep)

    assert (opened.depth, opened.notes) == (16, ())
    assert opened.images[0].pixels().mean() < 20


def test_a_damaged_image_does_not_hide_the_depth_of_the_others(deep: Path) -> None:
    whole = (deep / "0.png").read_bytes()
    (deep / "0.png").write_bytes(whole[: len(whole) // 2])

    opened = open_detection(deep)

    assert (opened.depth, len(opened)) == (12, 4)


def test_a_detector_is_shown_images_as_it_was_trained(deep: Path) -> None:
    detector = Looks()
    loaded = LoadedDetector("here", "shared", detector, 0.5, depth=12)

    find_in_files(loaded, [deep], score=None, picture=lambda *_: None, out=None, on_answer=None)
    find_in_set(detector, open_detection(deep).at_depth(16).images)

    assert all(150 < mean < 220 for mean in detector.means[:4])
    assert all(mean < 20 for mean in detector.means[4:])
    assert len(detector.means) == 8


def test_the_depth_changes_no_fingerprint(deep: Path) -> None:
    opened = open_detection(deep)

    assert replace(opened, depth=16).at_depth(16).fingerprint() == opened.fingerprint()
