"""A server decodes deep images as the detector was trained on them."""

from contextlib import nullcontext
from io import BytesIO
from unittest.mock import Mock

import numpy as np
from PIL import Image

from inceptionkit.detection.shared.card import DetectorCard
from inceptionkit.detection.shared.design import Design
from inceptionkit.detection.types import Detections, Pixels, no_boxes
from inceptionkit.preprocess import Preprocessing, as_rgb
from inceptionkit.serving.detect import ServedDetector
from inceptionkit.serving.requests import Image as Sent
from inceptionkit.spec import Net


class Looks:
    """A detector that notes what it was shown."""

    classes = ("spot",)
    mean = 0.0

    def detect(self, image: Pixels) -> Detections:
        self.mean = float(image.mean())
        return Detections(no_boxes(), np.zeros(0, np.int64), np.zeros(0, np.float32), ())


def test_twelve_bits_are_scaled_as_the_card_says(tiny: Net) -> None:
    content, detector = BytesIO(), Looks()
    Image.fromarray(np.full((20, 20), 3_000, np.uint16)).save(content, "PNG")
    design = Design(
        net=tiny, size=(64, 96), taps=("inception3",), rejecter="conv1", anchors=((9.0, 9.0),)
    )
    how = Preprocessing(size=16, depth=12)
    card = DetectorCard(design=design, classes=("spot",), preprocessing=how)
    answering = Mock(decoded=lambda data, depth=16: nullcontext(as_rgb(data, depth)))

    ServedDetector("spots", detector, card).answer(
        Sent(content.getvalue(), "0.png"), None, answering
    )

    assert 186 <= detector.mean <= 188
