"""A trained detector as a torch module, and its weights as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from inceptionkit.detection.shared.card import DetectorCard, read_detector_card, read_file
from inceptionkit.detection.shared.network import DetectorNet
from inceptionkit.detection.shared.predict import SharedDetector
from inceptionkit.errors import WeightsError
from inceptionkit.model.folder import TENSORS


def weights_file(model: DetectorNet) -> bytes:
    """The weights of a network as a safetensors file."""
    return save(
        {
            name: np.ascontiguousarray(value.detach().cpu().float().numpy())
            for name, value in model.state_dict().items()
            if value.is_floating_point()
        }
    )


def load_detector(path: str | Path, device: str = "cpu") -> tuple[SharedDetector, DetectorCard]:
    """Load a trained detector.

    Args:
        path: its folder, or that of the run that trained it.
        device: that it runs on.

    Raises:
        WeightsError: nothing is there, or it is damaged.
    """
    folder, card, sums = read_detector_card(Path(path))
    model = DetectorNet(card.design, len(card.classes), seed=None)
    _fill(model, folder / TENSORS, read_file(folder, TENSORS, sums))
    model.eval().to(device)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's stub lacks it
    how = (card.preprocessing, card.reject, card.region_exit)
    return SharedDetector(model, card.classes, *how), card


@torch.no_grad()
def _fill(model: DetectorNet, where: Path, data: bytes) -> None:
    try:
        tensors: dict[str, NDArray[Any]] = load(data)
    except (SafetensorError, LookupError, TypeError, ValueError) as error:
        msg = f"{where}: not a safetensors file ({error}); copy the folder again"
        raise WeightsError(msg) from error
    own = {name: v for name, v in model.state_dict().items() if v.is_floating_point()}
    wrong = sorted(own.keys() ^ tensors.keys())
    wrong += [
        name for name in own.keys() & tensors.keys() if own[name].shape != tensors[name].shape
    ]
    wrong += [name for name, value in tensors.items() if not np.isfinite(value).all()]
    if wrong:
        msg = f"{where}: {len(wrong)} tensors do not fit the design, such as {wrong[0]:.80}; "
        raise WeightsError(msg + "copy the folder again")
    for name, value in own.items():
        value.copy_(torch.from_numpy(tensors[name]))
