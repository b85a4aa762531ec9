"""What tests of the server send, and how they load a model."""

import io
from functools import partial

import numpy as np
from PIL import Image

from inceptionkit.deployment.load import load_predictor

LOAD = partial(load_predictor, engine="onnxruntime", threads=1, mode="throughput")


def png(seed: int = 0, side: int = 20) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
