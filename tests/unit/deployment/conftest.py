"""Networks with weights that matter, as a model folder would hold them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from inceptionkit.model import Card, write_model
from inceptionkit.network import InceptionNet, build
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Net


@dataclass
class Filled:
    """A model in memory, and what torch makes of images."""

    card: Card
    tensors: dict[str, NDArray[Any]]
    model: InceptionNet

    @property
    def exits(self) -> tuple[str, ...]:
        return tuple(e.name for e in self.card.architecture.exits)

    def pictures(self, count: int = 2, *, taller: int = 0, wider: int = 0) -> NDArray[np.uint8]:
        side = self.card.preprocessing.size
        random = np.random.default_rng(side)
        return random.integers(0, 256, (count, side + taller, side + wider, 3), np.uint8)

    def expected(self, images: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Probabilities, exit by exit, of images that fit."""
        x = torch.from_numpy(self.card.preprocessing.normalize(images))
        with torch.inference_mode():
            out = self.model(x, exits=self.exits)
        scores = {**out.exits, "main": out.main}
        return {name: logits.softmax(1).numpy() for name, logits in scores.items()}

    def write(self, folder: Path) -> Path:
        write_model(folder, self.card, self.tensors)
        return folder


def filled(net: Net) -> Filled:
    """A network whose norms do something and whose signals neither vanish nor explode."""
    model = build(net, seed=3).eval()
    generator = torch.Generator().manual_seed(5)
    state = model.state_dict()
    for name, value in state.items():
        if name.endswith("running_mean"):
            value.normal_(0, 0.1, generator=generator)
        if name.endswith("running_var"):
            value.uniform_(0.5, 1.5, generator=generator)
        if name.endswith((".conv.weight", ".fc.weight")):
            value.normal_(0, (1.5 / value[0].numel()) ** 0.5, generator=generator)
    tensors = {k: v.numpy().copy() for k, v in state.items() if v.is_floating_point()}
    outputs = model(torch.zeros(1, *net.image)).main.shape[1]
    preprocessing = Preprocessing(
        size=net.image[1], crop=0.875, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25)
    )
    classes = tuple(f"class {i}" for i in range(outputs))
    card = Card(architecture=net, classes=classes, preprocessing=preprocessing)
    return Filled(card, tensors, model)


@pytest.fixture(scope="session")
def fill() -> Callable[[Net], Filled]:
    return filled


@pytest.fixture(scope="session")
def small(tiny: Net) -> Filled:
    return filled(tiny)
