"""A loaded model answers rightly to many threads, after a fork, and in another process."""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from inceptionkit import load
from inceptionkit.api.export import export
from inceptionkit.evaluation.predictor import Predictor

WAYS = ("openvino", "onnxruntime", "torch", "export openvino", "export onnx", "export torch")
CALLS, THREADS = 600, 4
PATIENCE = 300  # seconds after which a process is taken to hang

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    random = np.random.default_rng(4)
    return [random.integers(0, 256, (20, 24, 3), np.uint8) for _ in range(12)]


@pytest.fixture(scope="module", params=product(WAYS, ("latency", "throughput")))
def loaded(
    request: pytest.FixtureRequest, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Predictor:
    """A model in each engine, trained and exported."""
    (way, mode) = request.param
    exported, _, engine = way.rpartition(" ")
    for name in {"openvino": ("openvino",), "torch": ()}.get(engine, ("onnxruntime",)):
        pytest.importorskip(name)
    if not exported:
        return load(tiny_model, engine=engine, threads=2, mode=mode)
    folder = tmp_path_factory.mktemp("exports") / engine
    export(tiny_model, out=folder, to=engine)
    return load(folder, threads=2, mode=mode)


@pytest.fixture
def many_switches() -> Iterator[None]:
    """Threads change places as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def answers(model: Predictor, images: list[np.ndarray]) -> list[float]:
    return [p for found in model.predict(images) for _, p in found.top]


@pytest.mark.usefixtures("many_switches")
def test_every_call_of_many_threads_is_answered_rightly(
    loaded: Predictor, images: list[np.ndarray]
) -> None:
    alone = [answers(loaded, [image]) for image in images]
    with ThreadPoolExecutor(THREADS) as pool:
        asked = [number % len(images) for number in range(CALLS)]
        found = list(pool.map(lambda number: answers(loaded, [images[number]]), asked))

    wrong = sum(one != alone[number] for one, number in zip(found, asked, strict=True))
    assert wrong == 0


@needs_fork
@pytest.mark.parametrize("use", [True, False])
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_answers_and_ends(
    loaded: Predictor, images: list[np.ndarray], *, use: bool
) -> None:
    before = answers(loaded, images)
    child = os.fork()
    if child == 0:
        signal.alarm(PATIENCE)  # its default action ends the process
        right = not use or answers(loaded, images) == pytest.approx(before, abs=1e-6)
        sys.stdout = sys.stderr = None  # the parent's
        os._exit(0 if right else 1)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0


ENDS = """
import os, signal, sys, warnings
import numpy as np
import inceptionkit

warnings.simplefilter("ignore")
model = inceptionkit.load(sys.argv[1], engine=sys.argv[2], threads=2)
image = np.zeros((20, 20, 3), np.uint8)
if sys.argv[2] == "torch":
    import torch

    torch.set_num_threads(2)
model.predict([image])
child = os.fork()
if child == 0:
    signal.alarm(300)
    if sys.argv[3] == "use":
        model.predict([image])
    sys.exit(0)  # an end with all that Python and the libraries do then
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@needs_fork
@pytest.mark.parametrize("engine", WAYS[:3])
@pytest.mark.parametrize("use", ["use", "leave"])
def test_a_forked_process_ends_by_itself(tiny_model: Path, engine: str, use: str) -> None:
    if engine != "torch":
        pytest.importorskip(engine)
    words = [sys.executable, "-c", ENDS, str(tiny_model), engine, use]

    assert subprocess.run(words, check=False).returncode == 0


def test_a_pickled_model_is_loaded_by_another_process(
    loaded: Predictor, images: list[np.ndarray]
) -> None:
    sent = pickle.dumps(loaded)

    received = pickle.loads(sent)  # noqa: S301 - ours

    assert len(sent) < 2000
    assert answers(received, images) == answers(loaded, images)
