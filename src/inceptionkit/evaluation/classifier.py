"""A trained model, ready to answer, in torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inceptionkit.convert.registry import read_weights
from inceptionkit.evaluation.inference import network_stages
from inceptionkit.evaluation.predictor import Predictor, Stages
from inceptionkit.model import Card
from inceptionkit.network import InceptionNet, build
from inceptionkit.network.build import check_device, named_device
from inceptionkit.preprocess import Preprocessing


class Classifier(Predictor):
    """A model and its preprocessing.

    Attributes:
        card: what the model folder says of it.
        model: the network, in evaluation mode.
    """

    def __init__(
        self,
        card: Card,
        model: InceptionNet,
        batch: int = 1,
        reload: Callable[[], Predictor] | None = None,
    ) -> None:
        how = card.preprocessing
        super().__init__(card, partial(_image_stages, model, how), how.fit, batch, reload)
        self.model = model

    def restart(self) -> None:
        """Go on with one thread: torch waits for ever for those that were not forked with it."""
        torch.set_num_threads(1)
        self.process = os.getpid()


def _image_stages(model: InceptionNet, how: Preprocessing, exits: tuple[str, ...]) -> Stages:
    """The network cut at these exits; the first stage takes images as `Preprocessing.fit` does."""
    stages = network_stages(model, how, exits)
    first, begin = next(iter(stages.items()))

    def from_images(
        fitted: NDArray[np.uint8], temperature: float
    ) -> tuple[NDArray[np.float32], Tensor]:
        return begin(torch.from_numpy(fitted).permute(0, 3, 1, 2), temperature)

    return {**stages, first: from_images}


def load(path: str | Path, batch: int = 1, device: str | None = None) -> Classifier:
    """Load a model.

    Args:
        path: a model folder, a run folder, a weights file of another implementation, or the id of
            released weights such as "torchvision/googlenet", which are downloaded once.
        batch: images that `predict` answers at once.
        device: that computes; None for the CPU.

    Raises:
        RecipeError: the device is not there.
        WeightsError: it is none of these, damaged, or cannot be downloaded.
        UnknownNameError: no released weights have that id.
    """
    card, tensors = read_weights(path)
    classifier = Classifier(card, network_of(card, tensors), batch)
    if device is not None:
        check_device(named_device(device))
        classifier.model.to(named_device(device))
    return classifier


def network_of(card: Card, tensors: Mapping[str, NDArray[Any]]) -> InceptionNet:
    """Build the network of a model folder, in evaluation mode and channels last."""
    model = build(card.architecture, weights_follow=True)
    state: dict[str, Tensor] = {k: torch.from_numpy(v) for k, v in tensors.items()}
    counters = {k: v for k, v in model.state_dict().items() if not v.is_floating_point()}
    model.load_state_dict(state | counters)
    return model.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload, no-any-return]
