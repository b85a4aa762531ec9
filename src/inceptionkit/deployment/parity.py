"""Whether the files of an export say what the trained model says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inceptionkit.data.sources.digits import digits
from inceptionkit.data.types import decode_sample
from inceptionkit.deployment.agreement import BLOCK_TOLERANCE, TOLERANCE, Agreement, agreement
from inceptionkit.deployment.engines import Engine, OnnxRuntime, OpenVino
from inceptionkit.deployment.files import load_exported, own_engine
from inceptionkit.deployment.graph import Graph
from inceptionkit.deployment.lower import traced
from inceptionkit.deployment.onnx import onnx_model, openvino_model
from inceptionkit.deployment.predict import image_files
from inceptionkit.deployment.runtime import Deployed
from inceptionkit.errors import DataError, DeploymentError
from inceptionkit.evaluation.classifier import network_of
from inceptionkit.evaluation.inference import every_exit
from inceptionkit.machine import cores
from inceptionkit.model import Card, ExportInfo, write_files
from inceptionkit.network import InceptionNet
from inceptionkit.network.normalize import normalize
from inceptionkit.preprocess import Preprocessing, UnusableImage, decode
from inceptionkit.text import printable

COMPARED = 32  # images through both models
RESIZE_TOLERANCE = 0.1  # largest difference of a probability; levels differ by a few at most


@dataclass(frozen=True, slots=True)
class Compared:
    """Images through both models."""

    fitted: NDArray[np.uint8]  # (images, size, size, 3)
    names: Sequence[str]
    said: str  # what they are
    whole: Callable[[int], NDArray[np.uint8]]  # number of an image -> as it was before it fitted


def images_to_compare(card: Card, given: str | Path | None) -> Compared:
    """Real images, fitted to the network: the user's, or the built-in digits.

    Raises:
        DataError: none of the user's is usable.
    """
    fit = card.preprocessing.fit
    if given is None:
        dataset = digits()
        chosen = np.linspace(0, len(dataset.samples) - 1, COMPARED).astype(int).tolist()
        fitted = np.stack([fit(decode_sample(dataset, i)) for i in chosen])
        names = [dataset.samples.names[i] for i in chosen]
        return Compared(
            fitted,
            names,
            "the built-in digits",
            lambda number: decode_sample(dataset, chosen[number]),
        )
    found: dict[Path, NDArray[np.uint8]] = {}
    for file in image_files(Path(given).expanduser())[: 4 * COMPARED]:
        with suppress(UnusableImage):
            found[file] = fit(decode(file))
        if len(found) == COMPARED:
            break
    if not found:
        msg = f"{given}: none of its images is usable; give others to compare on with --images"
        raise DataError(msg)
    files = list(found)
    names = [printable(str(file)) for file in files]
    fitted = np.stack(list(found.values()))
    return Compared(fitted, names, str(given), lambda number: decode(files[number]))


def check(
    card: Card,
    exported: ExportInfo,
    files: Mapping[str, bytes],
    tensors: Mapping[str, NDArray[Any]],
    compared: Compared,
) -> Agreement:
    """Run both models on the same images, the exported one from files as they will lie there.

    Raises:
        DeploymentError: they differ by more than the precision allows; says where it begins.
    """
    model = network_of(card, tensors)
    pixels_first = torch.from_numpy(compared.fitted).permute(0, 3, 1, 2)
    trained = every_exit(model, pixels_first, card.preprocessing, batch=8)
    written = in_engine(replace(card, exported=exported), files, cores())
    got = written.every_stage(compared.fitted)
    worst = largest(agreement(trained[name], own, compared.names) for name, own in got.items())
    allowed = TOLERANCE.get(exported.precision, 1.0)
    if worst.difference > allowed:
        where = first_difference(model, tensors, card.preprocessing, exported, compared)
        msg = (
            f"the exported model differs from the trained one by {worst.difference:.2g} in a "
            f"probability of {worst.worst}, at most {allowed:g} is allowed; {where}"
        )
        raise DeploymentError(msg)
    return worst


def check_resize(plain: Deployed, resizing: Deployed, compared: Compared) -> Agreement:
    """Compare a graph's own resize with Pillow's, by what the same network makes of either.

    Args:
        plain: the graphs that take fitted images.
        resizing: the same graphs with the resize before them.
        compared: the images.

    Raises:
        UnusableImage: no graph can resize one of them.
        DeploymentError: they differ by more than `RESIZE_TOLERANCE`.
    """
    wanted = plain.every_stage(compared.fitted)
    got = [
        resizing.every_stage(resizing.prepare(compared.whole(number))[None])
        for number in range(len(compared.names))
    ]
    worst = largest(
        agreement(own, np.concatenate([one[name] for one in got]), compared.names)
        for name, own in wanted.items()
    )
    if worst.difference > RESIZE_TOLERANCE:
        msg = (
            f"the graph's own resize changes a probability of {worst.worst} by "
            f"{worst.difference:.2g}, at most {RESIZE_TOLERANCE:g} is allowed; "
            "export it without --resize"
        )
        raise DeploymentError(msg)
    return worst


def largest(found: Iterable[Agreement]) -> Agreement:
    """The one with the largest difference."""
    return max(found, key=lambda one: one.difference)


def in_engine(card: Card, files: Mapping[str, bytes], threads: int) -> Deployed:
    """A model from files as they will lie in the folder."""
    with TemporaryDirectory() as folder:
        place = Path(folder) / "exported"
        write_files(place, card, files)
        return load_exported(place, threads=threads)


def first_difference(
    model: InceptionNet,
    tensors: Mapping[str, NDArray[Any]],
    preprocessing: Preprocessing,
    exported: ExportInfo,
    compared: Compared,
) -> str:
    """Say which block is the first whose output differs, and by how much."""
    pixels_first = torch.from_numpy(compared.fitted[:8]).permute(0, 3, 1, 2)
    trained = block_outputs(
        model, normalize(pixels_first, preprocessing.scale, preprocessing.shift)
    )
    graph = traced(model.spec, tensors, preprocessing)
    got = in_kinds_engine(graph, exported, preprocessing.size)(compared.fitted[:8])
    allowed = BLOCK_TOLERANCE[exported.precision]
    for name, ours in trained.items():
        largest = float(np.abs(ours).max()) or 1.0
        apart = float(np.abs(got[name].reshape(ours.shape) - ours).max()) / largest
        if apart > allowed:
            return f"the first block that differs is {name}, by {apart:.2g} of its largest value"
    return "no block differs by itself; run it again with other --images and report it"


def in_kinds_engine(graph: Graph, exported: ExportInfo, size: int) -> Engine:
    """A graph in the engine that runs an export."""
    threads = cores()
    if own_engine(exported.kind) == "onnxruntime":
        return OnnxRuntime(onnx_model(graph).SerializeToString(), threads=threads)
    model = openvino_model(graph)
    return OpenVino(model, size=size, precision=exported.precision, threads=threads)


@torch.inference_mode()
def block_outputs(model: InceptionNet, images: Tensor) -> dict[str, NDArray[np.float32]]:
    """Address of every block of trunk and head -> what it gives."""
    found: dict[str, NDArray[np.float32]] = {}
    x = images
    for name, block in model.trunk.items():
        x = block(x)
        found[f"trunk.{name}"] = x.numpy().copy()
    return found | {"head": model.head(x).numpy()}
