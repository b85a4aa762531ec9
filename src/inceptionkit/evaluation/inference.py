"""Running a network over images: every exit, or each image only as far as it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inceptionkit.evaluation.early_exit import Policy, gated, run_stages
from inceptionkit.network import InceptionNet, Stage, stages
from inceptionkit.network.normalize import normalize
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import ordered_exits

Ticker = Callable[[int], None]  # told how many images are done


@dataclass(frozen=True, slots=True)
class Answers:
    """One answer per image, and who gave it."""

    probabilities: NDArray[np.float32]  # (images, classes)
    exits: NDArray[np.int64]  # (images,) number of the stage that answered
    names: tuple[str, ...]  # of the stages: exits in trunk order, then "main"

    @property
    def shares(self) -> dict[str, float]:
        """Share of the images that each stage answered."""
        counts = np.bincount(self.exits, minlength=len(self.names)) / max(1, len(self.exits))
        return dict(zip(self.names, counts.tolist(), strict=True))


@torch.inference_mode()
def every_exit(
    model: InceptionNet,
    pixels: Tensor,
    preprocessing: Preprocessing,
    *,
    batch: int = 128,
    tick: Ticker = lambda _: None,
) -> dict[str, NDArray[np.float32]]:
    """Probabilities that each exit and the main classifier give each image.

    Args:
        model: in evaluation mode, on any device.
        pixels: (images, 3, size, size) uint8, as `preprocessing` left them.
        preprocessing: of the model.
        batch: images at a time.
        tick: called after each batch with the number of images done.

    Returns:
        Exit name -> (images, classes), in trunk order, "main" last.
    """
    names = [e.name for e in ordered_exits(model.spec)]
    parts: dict[str, list[Tensor]] = {name: [] for name in (*names, "main")}
    for images in batches(model, pixels, preprocessing, batch):
        logits = model(images, exits=names)
        for name, scores in (*logits.exits.items(), ("main", logits.main)):
            parts[name].append(scores.float().softmax(1).cpu())
        tick(sum(map(len, parts["main"])))
    return {name: torch.cat(found).numpy() for name, found in parts.items()}


@torch.inference_mode()
def answers(
    model: InceptionNet,
    pixels: Tensor,
    preprocessing: Preprocessing,
    policy: Policy,
    *,
    batch: int = 128,
) -> Answers:
    """Answer each image as early as `policy` lets it; what lies beyond its exit does not run.

    Args and shapes as in `every_exit`.
    """
    rules = gated(policy, model.spec)
    pieces = stages(model, [gate.exit for gate in rules.gates])
    runs = {piece.name: partial(_scored, piece) for piece in pieces}
    found = [
        run_stages(runs, images, rules, _taken)
        for images in batches(model, pixels, preprocessing, batch)
    ]
    probabilities, who = map(np.concatenate, zip(*found, strict=True))
    return Answers(probabilities, who, tuple(runs))


def _scored(piece: Stage, x: Tensor, temperature: float) -> tuple[NDArray[np.float32], Tensor]:
    x = piece.body(x)
    return (piece.head(x).float() / temperature).softmax(1).cpu().numpy(), x


def _taken(x: Tensor, kept: NDArray[np.bool_]) -> Tensor:
    return x[torch.from_numpy(kept).to(x.device)].contiguous(memory_format=torch.channels_last)


def batches(
    model: InceptionNet, pixels: Tensor, preprocessing: Preprocessing, batch: int
) -> Iterator[Tensor]:
    """Normalised batches on the model's device, channels last, which is the fast layout."""
    weight = next(model.parameters())
    for start in range(0, len(pixels), batch):
        images = normalize(
            pixels[start : start + batch].to(weight.device),
            preprocessing.scale,
            preprocessing.shift,
        )
        images = images.to(weight.dtype)
        yield images.contiguous(memory_format=torch.channels_last)
