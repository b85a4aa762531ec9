"""Figures of results, by matplotlib where it is installed: `result.plot()`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from inceptionkit.errors import RunError
from inceptionkit.evaluation.metrics import Confusion

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NAMED = 30  # classes up to which each row and column has its name
_COUNTED = 16  # and up to which each cell has its count


def result_figure(
    rows: Sequence[Mapping[str, float]], confusion: Confusion, classes: Sequence[str]
) -> Figure:
    """Curves over epochs, where there are any, and the confusion matrix.

    Args:
        rows: of log.csv; none for a model that was only scored.
        confusion: (classes, classes) images; rows are the true classes.
        classes: names.

    Raises:
        RunError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        msg = "plot needs matplotlib; install it with: pip install 'inceptionkit[plot]'"
        raise RunError(msg) from error
    panels = 3 if rows else 1
    figure = Figure(figsize=(5 * panels, 4.4), layout="constrained")
    axes = figure.subplots(1, panels, squeeze=False)[0]
    if rows:
        _curves(axes[0], rows, {"train_loss": "train", "val_loss": "val"}, "Loss")
        exits = [key for key in rows[-1] if key.startswith("val_top1_")]
        names = {key: key.removeprefix("val_top1_") for key in exits}
        _curves(axes[1], rows, {**names, "val_top1": "main"}, "Top-1 on val")
    _matrix(axes[-1], confusion, classes)
    return figure


def _curves(
    axes: Axes, rows: Sequence[Mapping[str, float]], names: Mapping[str, str], title: str
) -> None:
    for key, name in names.items():
        measured = [row for row in rows if key in row]
        axes.plot([row["epoch"] for row in measured], [row[key] for row in measured], label=name)
    axes.set_title(title)
    axes.set_xlabel("epoch")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)


def _matrix(axes: Axes, confusion: Confusion, classes: Sequence[str]) -> None:
    """Shares of each true class, from white to blue."""
    counts: Any = confusion.astype(np.float64)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_title("Confusion")
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    numbers = range(len(classes))
    if len(classes) <= _NAMED:
        axes.set_xticks(numbers, classes, rotation=90)
        axes.set_yticks(numbers, classes)
    if len(classes) <= _COUNTED:
        for row, column in np.argwhere(confusion > 0).tolist():
            ink = "white" if shares[row, column] > 0.5 else "black"
            axes.text(
                column, row, f"{confusion[row, column]:,}", ha="center", va="center", color=ink
            )
