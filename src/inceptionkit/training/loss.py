"""The loss of a network with exits."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn.functional import cross_entropy

from inceptionkit.network import Logits


def deep_supervision_loss(
    logits: Logits,
    labels: Tensor,
    *,
    weights: Mapping[str, float],
    smoothing: float,
    class_weights: Tensor | None = None,
) -> Tensor:
    """Cross-entropy of the main classifier plus that of every exit, weighted.

    Args:
        logits: main and exits, each (batch, classes), scores before softmax.
        labels: (batch,) int64, in [0, classes).
        weights: exit name -> weight of its loss; GoogLeNet uses 0.3 for both.
        smoothing: share of the target spread evenly over all classes, in [0, 1).
        class_weights: (classes,) float32, or float64 for such scores; the mean over the batch is
            then weighted. None for 1.

    Returns:
        Scalar, mean over the batch, in nats.

    Raises:
        KeyError: an exit has no weight.

    Sources:
        Exits: arXiv:1409.4842 section 5. Smoothing: arXiv:1512.00567 section 7.
    """

    def mean(scores: Tensor) -> Tensor:
        exact = scores.float() if scores.dtype.itemsize < 4 else scores  # low precision rounds
        return cross_entropy(exact, labels, class_weights, label_smoothing=smoothing)

    loss = mean(logits.main)
    for name, scores in logits.exits.items():
        loss = loss + weights[name] * mean(scores)
    return loss
