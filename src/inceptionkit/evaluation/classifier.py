"""A trained model, ready to answer, in torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inceptionkit.convert.registry import read_weights
from inceptionkit.evaluation.early_exit import Policy
from inceptionkit.evaluation.inference import network_stages
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
        how = card.preprocessing
        super().__init__(card, partial(network_stages, model, how), how.fit, batch)
        self.model = model

    @torch.inference_mode()
    def answers(
        self, fitted: NDArray[np.uint8], policy: Policy
    ) -> tuple[NDArray[np.float32], Sequence[str]]:
        """As every predictor does."""
        pixels: Any = torch.from_numpy(fitted).permute(0, 3, 1, 2)
        return super().answers(pixels, policy)


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
