"""Running a network over images: every exit, or each image only as far as it needs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inceptionkit.data.loading.unkept import ScoredPixels
from inceptionkit.data.transforms.pipeline import normalize
from inceptionkit.evaluation.early_exit import Policy, gated
from inceptionkit.evaluation.predictor import Stage, run_stages
from inceptionkit.network import InceptionNet, stages
from inceptionkit.network import Stage as Piece
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
def predict_all_exits(
    model: InceptionNet,
    pixels: ScoredPixels,
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
    for images in pixels.split(batch):
        logits = model(network_input(model, preprocessing, images), exits=names)
        for name, scores in (*logits.exits.items(), ("main", logits.main)):
            parts[name].append(scores.float().softmax(1).cpu())
        tick(sum(map(len, parts["main"])))
    return {name: torch.cat(part).numpy() for name, part in parts.items()}


@torch.inference_mode()
def predict_with_early_exit(
    model: InceptionNet,
    pixels: ScoredPixels,
    preprocessing: Preprocessing,
    policy: Policy,
    *,
    batch: int = 128,
) -> Answers:
    """Answer each image as early as `policy` lets it; the stages beyond its exit are skipped.

    Args and shapes as in `predict_all_exits`.
    """
    rules = gated(policy, model.spec)
    cut = network_stages(model, preprocessing, [gate.exit for gate in rules.gates])
    answered = [run_stages(cut, images, rules) for images in pixels.split(batch)]
    probabilities, exits = map(np.concatenate, zip(*answered, strict=True))
    return Answers(probabilities, exits, tuple(cut))


def network_stages(
    model: InceptionNet, preprocessing: Preprocessing, exits: Collection[str]
) -> Mapping[str, Stage[Tensor]]:
    """The network cut at these exits; the first stage takes (batch, 3, size, size) uint8."""
    first, *others = stages(model, exits)

    def begin(pixels: Tensor, temperature: float) -> tuple[NDArray[np.float32], Tensor]:
        return _run(first, network_input(model, preprocessing, pixels), temperature)

    return {first.name: begin} | {piece.name: partial(_run, piece) for piece in others}


@torch.inference_mode()
def _run(piece: Piece, x: Tensor, temperature: float) -> tuple[NDArray[np.float32], Tensor]:
    x = piece.body(x.contiguous(memory_format=torch.channels_last))  # the fast layout
    return (piece.head(x).float() / temperature).softmax(1).cpu().numpy(), x


def network_input(model: InceptionNet, preprocessing: Preprocessing, pixels: Tensor) -> Tensor:
    """Normalize a batch, (images, 3, size, size) uint8, on the model's device, channels last."""
    weight = next(model.parameters())
    pixels = pixels.to(weight.device)
    images = normalize(pixels, preprocessing.mean, preprocessing.std)
    return images.to(weight.dtype).contiguous(memory_format=torch.channels_last)
