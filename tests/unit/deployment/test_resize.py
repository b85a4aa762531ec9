"""The resize in a graph computes what Pillow computes, for images of any size."""

import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from inceptionkit.api.export import export
from inceptionkit.deployment.engines import ANY, OnnxRuntime, OpenVino, openvino_model
from inceptionkit.deployment.onnx import checked, staged
from inceptionkit.deployment.resize import (
    FITTED,
    REACHES,
    front_of,
    onnx_resizing,
    openvino_resizing,
    resizable,
)
from inceptionkit.errors import DeploymentError
from inceptionkit.preprocess import Preprocessing, UnusableImage

SIZES = [(1, 1), (7, 9), (37, 50), (40, 60), (80, 80), (96, 64), (333, 41), (20, 700)]
BOTH_WAYS = 2  # levels: width and height are rounded one after the other, and a half either way
Run = Callable[[NDArray[np.uint8]], NDArray[Any]]


def picture(height: int, width: int) -> NDArray[np.uint8]:
    """Noise on a soft ground, as a photograph has."""
    random = np.random.default_rng(height * width)
    small = random.integers(0, 256, (max(height // 8, 1), max(width // 8, 1), 3), np.uint8)
    ground = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    noise = random.integers(-25, 26, (height, width, 3))
    return np.clip(np.asarray(ground) + noise, 0, 255).astype(np.uint8)


@cache
def front(engine: str, preprocessing: Preprocessing, precision: str = "fp32") -> Run:
    file = checked(front_of(preprocessing)).SerializeToString()
    if engine == "onnxruntime":
        pytest.importorskip("onnxruntime")
        run = OnnxRuntime(file, threads=1)
    else:
        model = pytest.importorskip("openvino").Core().read_model(file)
        run = OpenVino(model, size=ANY, precision=precision, threads=1)
    return lambda image: run(image[None])[FITTED][0]


def apart(got: NDArray[np.uint8], wanted: NDArray[np.uint8]) -> NDArray[np.int16]:
    return np.abs(got.astype(np.int16) - wanted)


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
@pytest.mark.parametrize("interpolation", REACHES)
@pytest.mark.parametrize("crop", [0.875, 1.0])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_it_gives_pillows_levels_but_where_a_half_is_rounded(
    engine: str, interpolation: Any, crop: float, height: int, width: int
) -> None:
    preprocessing = Preprocessing(size=31, crop=crop, interpolation=interpolation)
    image = picture(height, width)

    off = apart(front(engine, preprocessing)(image), preprocessing.fit(image))

    assert off.max() <= BOTH_WAYS


@given(st.integers(1, 90), st.integers(1, 90), st.integers(8, 40), st.floats(0.3, 1.0))
def test_it_cuts_the_square_that_preprocessing_cuts(
    height: int, width: int, size: int, crop: float
) -> None:
    """A ramp tells where a pixel came from: a square one pixel off differs by a whole step."""
    preprocessing = Preprocessing(size=size, crop=crop)
    down, right = np.linspace(0, 255, height), np.linspace(255, 0, width)
    planes = np.broadcast_arrays(down[:, None], right[None], np.array([[127.0]]))
    image = np.stack(planes, 2).round().astype(np.uint8)

    off = apart(fresh(preprocessing)(image), preprocessing.fit(image))

    assert off.max() <= BOTH_WAYS


def fresh(preprocessing: Preprocessing) -> Run:
    pytest.importorskip("onnxruntime")
    run = OnnxRuntime(front_of(preprocessing).SerializeToString(), threads=1)
    return lambda image: run(image[None])[FITTED][0]


def test_bf16_blurs_levels_and_not_positions() -> None:
    preprocessing = Preprocessing(size=31, crop=0.875)
    image = picture(300, 450)

    off = apart(front("openvino", preprocessing, "bf16")(image), preprocessing.fit(image))

    assert off.max() <= 6  # bf16 has 8 digits, and so has a level


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_a_network_behind_it_answers_as_on_fitted_images(small: Any, engine: str) -> None:
    preprocessing = small.card.preprocessing
    ((_, graph),) = staged(small.card.architecture, small.tensors, preprocessing)
    images = np.stack([picture(45, 70), picture(45, 70)[::-1]])
    if engine == "openvino":
        pytest.importorskip("openvino")
        model = openvino_resizing(openvino_model(graph.SerializeToString()), preprocessing)
        run: Any = OpenVino(model, size=ANY, precision="fp32", threads=1)
    else:
        pytest.importorskip("onnxruntime")
        model = checked(onnx_resizing(graph, preprocessing))
        run = OnnxRuntime(model.SerializeToString(), threads=1)
    fitted = np.stack([preprocessing.fit(image) for image in images])

    both = run(images)["probabilities"]
    alone = run(images[:1])["probabilities"]

    assert np.abs(both - small.expected(fitted)["main"]).max() < 0.02
    assert np.abs(both[:1] - alone).max() < 1e-5


def test_the_graph_that_it_was_made_from_stays_as_it_was(small: Any) -> None:
    pytest.importorskip("onnx")
    ((_, model), *_) = staged(
        small.card.architecture, small.tensors, small.card.preprocessing, small.exits
    )
    before = model.SerializeToString()

    onnx_resizing(model, small.card.preprocessing)

    assert model.SerializeToString() == before


def test_an_interpolation_that_no_graph_has_is_refused() -> None:
    pytest.importorskip("onnx")

    with pytest.raises(DeploymentError, match="bilinear or bicubic, and this model is used with l"):
        front_of(Preprocessing(size=8, interpolation="lanczos"))


def test_an_image_whose_positions_would_overflow_is_refused() -> None:
    preprocessing = Preprocessing(size=224, crop=0.875)
    fits, too_long = np.zeros((3000, 40_000, 3), np.uint8), np.zeros((9, 40_000, 3), np.uint8)

    assert resizable(fits, preprocessing) is fits
    with pytest.raises(UnusableImage, match="40000x9 pixels are too long for the resize"):
        resizable(too_long, preprocessing)


GROWTH = """
import sys
import numpy as np
from inceptionkit import load

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

model = load(sys.argv[1], engine="openvino", threads=1)
sizes = np.random.default_rng(0).integers(40, 400, (800, 2))
for number, (height, width) in enumerate(sizes):
    model.predict([np.zeros((height, width, 3), np.uint8)])
    if number == 250:
        before = resident()
print(resident() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_does_not_grow_with_the_number_of_sizes(tiny_model: Path, tmp_path: Path) -> None:
    """It grew by 0.9 MB for each size: 480 MB here."""
    pytest.importorskip("openvino")
    export(tiny_model, out=tmp_path / "out", resize=True)
    grown = subprocess.check_output([sys.executable, "-c", GROWTH, str(tmp_path / "out")])

    assert int(grown) < 60e6
