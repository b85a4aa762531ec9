"""What several tests need: one thread each, a network that trains in a second, small folders."""

import gc
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: tests are too small for more, and
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin slow down what runs beside
os.environ["no_proxy"] = "127.0.0.1,localhost"  # the servers of tests are on this machine
os.environ.update(FORCE_COLOR="", GITHUB_ACTIONS="", PY_COLORS="", TTY_COMPATIBLE="")  # no terminal

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inceptionkit.catalog import architecture
from inceptionkit.convert.rename import rename
from inceptionkit.convert.torchvision import RULES
from inceptionkit.model import Card, write_model
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Conv, Exit, GlobalPool, Linear, Net, Pool, Split, named, tensors

Folder = Callable[..., Path]


def pytest_collection_finish() -> None:
    """What the modules and the tests themselves consist of is not searched for garbage again."""
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def brief_probe() -> Iterator[None]:
    """The probe takes as few updates as it can: which way it finds fastest decides no test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inceptionkit.training.autotune.PROBE_SECONDS", 0.0)
        yield


def answer(classes: int) -> tuple[GlobalPool, Linear]:
    return GlobalPool(), Linear(classes, classifier=True)


@pytest.fixture(scope="session")
def tiny() -> Net:
    """A small Inception network with two exits, for 16 px and 10 classes."""
    module = Split(
        named(
            p1=(Conv(8),),
            p3=(Conv(6), Conv(12, (3, 3))),
            pool=(Pool("max"), Conv(4)),
        )
    )
    return Net(
        name="tiny",
        source="the tests",
        image=(3, 16, 16),
        trunk=named(
            conv1=Conv(12, (3, 3), stride=2),
            inception2=module,
            pool2=Pool("max", stride=2),
            inception3=module,
        ),
        head=answer(10),
        exits=(
            Exit(name="first", after="conv1", head=answer(10), loss_weight=0.3),
            Exit(name="second", after="inception2", head=answer(10), loss_weight=0.3),
        ),
    )


@pytest.fixture(scope="session")
def tiny_model(tiny: Net, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder of the tiny network, with ten classes as the digits have them."""
    from inceptionkit.network import build

    folder = tmp_path_factory.mktemp("models") / "tiny"
    state = build(tiny, seed=1).state_dict()
    tensors = {k: v.numpy() for k, v in state.items() if v.is_floating_point()}
    preprocessing = Preprocessing(size=16, crop=0.8)
    classes = tuple("0123456789")
    card = Card(architecture=tiny, classes=classes, preprocessing=preprocessing)
    write_model(folder, card, tensors)
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Folder:
    """Makes a folder of PNG files, one folder per class; classes differ in brightness."""

    def make(*args: Any, at: str = "photos", **options: Any) -> Path:
        return painted(tmp_path / at, *args, **options)

    return make


@pytest.fixture(scope="session")
def paint() -> Folder:
    """Makes such a folder wherever it is wanted."""
    return painted


def painted(at: Path, classes: tuple[str, ...] = ("dark", "light"), *, each: int = 12) -> Path:
    random = np.random.default_rng(len(classes))
    for number, name in enumerate(classes):
        folder = at / name
        folder.mkdir(parents=True)
        low = 30 + number * 200 // len(classes)
        for index in range(each):
            pixels = random.integers(low, low + 25, (20, 24, 3), np.uint8)
            Image.fromarray(pixels).save(folder / f"{index}.png")
    return at


@pytest.fixture(scope="session")
def state_of() -> Callable[..., dict[str, np.ndarray]]:
    """Makes a state dict of random numbers as others publish it: names, shapes, batch counters."""

    def make(
        whose: str = "torchvision", net: str = "googlenet:torchvision", classes: int = 5
    ) -> dict[str, np.ndarray]:
        random = np.random.default_rng(classes)
        state: dict[str, np.ndarray] = {}
        for ours, shape in tensors(architecture(net, classes=classes)):
            name = rename(ours, RULES[whose, net])
            state[name] = random.random(shape, np.float32) / np.float32(np.prod(shape[1:]) ** 0.5)
            if name.endswith("running_var"):
                state[f"{name.rpartition('.')[0]}.num_batches_tracked"] = np.array(7)
        return state

    return make
