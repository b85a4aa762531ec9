"""A trained model, ready to answer, in torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inceptionkit.convert.registry import read_weights
from inceptionkit.evaluation.early_exit import Policy
from inceptionkit.evaluation.inference import answers
from inceptionkit.evaluation.predictor import Predictor
from inceptionkit.model import Card
from inceptionkit.network import InceptionNet, build


class Classifier(Predictor):
    """A model and its preprocessing.

    Attributes:
        card: what the model folder says of it.
        model: the network, in evaluation mode.
    """

    def __init__(self, card: Card, model: InceptionNet, batch: int = 1) -> None:
        super().__init__(card, batch)
        self.model = model

    def answers(
        self, fitted: NDArray[np.uint8], policy: Policy
    ) -> tuple[NDArray[np.float32], Sequence[str]]:
        """Probabilities of each image of a batch, and who gave them."""
        pixels = torch.from_numpy(fitted).permute(0, 3, 1, 2)
        found = answers(self.model, pixels, self.card.preprocessing, policy)
        return found.probabilities, [found.names[number] for number in found.exits]


def load(path: str | Path, batch: int = 1) -> Classifier:
    """Load a model.

    Args:
        path: a model folder, a run folder, a weights file of another implementation, or the id of
            released weights such as "torchvision/googlenet", which are downloaded once.
        batch: images that `predict` answers at once.

    Raises:
        WeightsError: it is none of these, damaged, or cannot be downloaded.
        UnknownNameError: no released weights have that id.
    """
    card, tensors = read_weights(path)
    return Classifier(card, network_of(card, tensors), batch)


def network_of(card: Card, tensors: Mapping[str, NDArray[Any]]) -> InceptionNet:
    """Build the network of a model folder, in evaluation mode and channels last."""
    model = build(card.architecture, weights_follow=True)
    state: dict[str, Tensor] = {k: torch.from_numpy(v) for k, v in tensors.items()}
    counters = {k: v for k, v in model.state_dict().items() if not v.is_floating_point()}
    model.load_state_dict(state | counters)
    return model.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload, no-any-return]
