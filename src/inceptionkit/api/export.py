"""`export`: a trained model as a graph that other engines run, checked on real images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from inceptionkit.convert.registry import read_weights
from inceptionkit.deployment.export import ExportOptions, check_export, make_export, write_export
from inceptionkit.deployment.files import free_place
from inceptionkit.deployment.parity import parity_images
from inceptionkit.progress import Listener, Silence


def export(
    model: str | Path,
    out: str | Path,
    *,
    options: ExportOptions | None = None,
    images: str | Path | None = None,
    data: str | Path | None = None,
    listener: Listener | None = None,
) -> dict[str, Any]:
    """Write a model as graphs, after comparing them with the trained network on real images.

    Args:
        model: folder of a model or of a run, a weights file, or the id of released weights.
        out: folder of the exported model; an earlier one that stands there is replaced.
        options: kind, precision, exits; OpenVINO in fp32 without exits if None.
        images: a folder of images, or one, to compare on; the built-in digits if None.
        data: the labelled images that the model was trained on, which int8 needs.
        listener: is told what is done.

    Returns:
        The keys that `export --json` promises: folder, kind, precision, stages, bytes, agreement.

    Raises:
        WeightsError: there is no model, or it is damaged.
        UnknownNameError: no released weights have that id.
        DeploymentError: an engine is missing, or the export disagrees with the trained model; then
            nothing is written.
        DataError: no image to compare on, or none to quantize with.
        RunError: something else than an exported model stands at `out`, or it cannot be written.
    """
    options, listener = options or ExportOptions(), listener or Silence()
    free_place(Path(out))
    card, tensors = read_weights(model)
    compared = parity_images(card, images)
    made = make_export(card, tensors, options, data, listener)
    return write_export(check_export(made, tensors, compared, listener), Path(out))
