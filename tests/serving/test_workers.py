"""Several processes behind one port: cores of their own, and one set of weights in memory."""

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import Pipe
from pathlib import Path

import httpx
import numpy as np
import pytest
from served import png

from inceptionkit.deployment import engines
from inceptionkit.deployment.load import load_predictor
from inceptionkit.errors import WeightsError
from inceptionkit.evaluation.predictor import Predictor
from inceptionkit.model import Card, write_model
from inceptionkit.preprocess import Preprocessing
from inceptionkit.serving import workers
from inceptionkit.serving.metrics import SHARED
from inceptionkit.spec import Conv, GlobalPool, Linear, Net, named


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with 9 MiB of weights."""
    from inceptionkit.network import build

    convs = {f"conv{n}": Conv(512 if n else 32, (3, 3), stride=2) for n in range(3)}
    head = (GlobalPool(), Linear(10, classifier=True))
    net = Net(name="wide", source="the tests", image=(3, 16, 16), trunk=named(**convs), head=head)
    state = build(net, seed=1).state_dict()
    tensors = {k: v.numpy() for k, v in state.items() if v.is_floating_point()}
    folder = tmp_path_factory.mktemp("wide") / "wide"
    how = Preprocessing(size=16)
    card = Card(architecture=net, classes=tuple("0123456789"), preprocessing=how)
    write_model(folder, card, tensors)
    return folder


def in_memory(pid: int, name: str) -> dict[str, int]:
    """KiB of a file that a process has in memory, by kind."""
    found: dict[str, int] = {}
    inside = False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            inside = line.endswith(name)
        elif inside and line.endswith(" kB"):
            kind, size, _ = line.split()
            found[kind.rstrip(":")] = found.get(kind.rstrip(":"), 0) + int(size)
    return found


@pytest.mark.slow
def test_workers_have_cores_of_their_own_and_one_set_of_weights(
    server: Callable, wide: Path
) -> None:
    address, process = server(str(wide), "--workers", "2")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    pids = [
        int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    for _ in range(10):
        assert httpx.post(f"{address}/v1/predict", content=png()).status_code == 200
    files = ("/weights", "/tensors")  # of the engine, and what stages and heat maps are made of
    of_each = [in_memory(pid, file) for pid in pids for file in files]
    size = sum(file.stat().st_size for file in wide.glob("*.safetensors")) / 1024

    assert len(pids) == 2
    for found in of_each:
        assert found["Rss"] > 0.9 * size
        assert found["Private_Dirty"] == 0
        assert found["Pss"] < 0.6 * found["Rss"], "each has half of the pages"
    shares = [os.sched_getaffinity(pid) for pid in pids]
    assert shares[0] | shares[1] == os.sched_getaffinity(0)
    assert len(os.sched_getaffinity(0)) == 1 or not shares[0] & shares[1]
    for pid, share in zip(pids, shares, strict=True):
        for task in Path(f"/proc/{pid}/task").iterdir():
            assert os.sched_getaffinity(int(task.name)) <= share, "a thread left its cores"


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Path]:
    """A folder in which this process shares weights, as long as a test runs."""
    engines.share_weights(tmp_path)
    yield tmp_path
    engines.SHARED.clear()


def load(model: Path) -> Predictor:
    return load_predictor(model, engine="onnxruntime", threads=1)


def test_shared_weights_give_the_same_answers(tiny_model: Path, shared: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8)
    for exits in ((), ("first", "second")):
        mapped = load(tiny_model).stages(exits)
        engines.SHARED.clear()
        own = load(tiny_model).stages(exits)
        engines.share_weights(shared)
        x, y = images, images
        for name in own:
            (wanted, x), (found, y) = own[name](x, 1.0), mapped[name](y, 1.0)
            np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_files_of_replaced_models_go(tiny_model: Path, shared: Path) -> None:
    load(tiny_model).stages(())
    first = {graph.parent for graph in shared.glob("*/graph.onnx")}.pop()
    before = sorted(shared.iterdir())
    load(tiny_model).stages(())
    assert sorted(shared.iterdir()) == before, "it is there already"
    old = time.time() - engines._KEPT - 1
    os.utime(first, (old, old))
    (shared / "gone").symlink_to("nowhere")  # as if another process had just renamed it
    load(tiny_model).stages(("first",))

    assert first not in list(shared.iterdir())
    assert len(list(shared.glob("*/graph.onnx"))) == 2


@dataclass
class Fallen:
    """A process that has ended."""

    exitcode: int = 2
    pid: int = 4_000_000

    def is_alive(self) -> bool:
        return False


def test_the_pauses_of_a_worker_that_cannot_load_grow_and_the_log_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(SHARED, str(tmp_path))
    monkeypatch.setattr(workers.ERRORS, "propagate", True)
    pauses, pause = [], 1.0
    for said in ["ready", *[WeightsError("the folder is broken; copy it again")] * 7, "ready"]:
        here, there = Pipe(duplex=False)
        there.send(said)
        there.close()
        worker = workers._Worker(Fallen(), here, pause=pause)  # type: ignore[arg-type]
        assert not workers._must_be_replaced(worker, tmp_path), "not at once"
        pause = worker.pause
        pauses.append(pause)
        here.close()

    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 1]
    assert "broken; copy it again" not in caplog.messages[0]
    assert json.loads(caplog.messages[1]) == {
        "error": "a worker ended with code 2: the folder is broken; copy it again",
        "replaced_in_seconds": 2.0,
    }


@pytest.mark.slow
def test_a_worker_that_cannot_load_is_replaced_once_it_can(
    server: Callable, folder: Path, tmp_path: Path
) -> None:
    address, process = server(str(folder), "--workers", "2")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")

    def pids() -> set[int]:
        return {
            int(pid)
            for pid in children.read_text().split()
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
        }

    def logged(words: str) -> None:
        end = time.monotonic() + 60
        while words not in (tmp_path / "log.jsonl").read_text():
            assert time.monotonic() < end, "nothing is logged"
            time.sleep(0.05)

    card = (folder / "model.json").read_text()
    (folder / "model.json").write_text(json.dumps(json.loads(card) | {"format": 99}))
    os.kill(min(pids()), signal.SIGKILL)
    logged('"replaced_in_seconds": 2.0')
    (folder / "model.json").write_text(card)

    assert "a worker ended with code 2: " in (tmp_path / "log.jsonl").read_text()
    assert httpx.post(f"{address}/v1/predict", content=png()).status_code == 200
    end = time.monotonic() + 60
    while len(pids()) < 2:
        assert time.monotonic() < end, "it is not replaced"
        time.sleep(0.05)
