"""How a detector with shared features is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from inceptionkit.records import Between


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectRecipe:
    """AdamW with a warm-up and a linear fall, and a moving average of the weights.

    Attributes:
        epochs: how often each training image is seen.
        batch: images in a step.
        lr: learning rate at its peak.
        weight_decay: of weights; biases and norms have none.
        warmup: share of the run in which the learning rate climbs.
        ema_horizon: steps that the average remembers, as a share of the run.
        clip_grad_norm: longest gradient.
        flip: mirror images left to right; or top to bottom and across the diagonal, too.
    """

    epochs: Annotated[int, Between(1, 100_000)] = 60
    batch: Annotated[int, Between(1, 4096)] = 8
    lr: Annotated[float, Between(1e-9, 10)] = 2e-3
    weight_decay: Annotated[float, Between(0, 10)] = 0.05
    warmup: Annotated[float, Between(0, 0.9)] = 0.05
    ema_horizon: Annotated[float, Between(0, 1)] = 0.02
    clip_grad_norm: Annotated[float, Between(1e-9, 1e9)] = 5.0
    flip: Literal["none", "horizontal", "both"] = "horizontal"
