"""Whether an exported model says what the trained one says, on the same images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inceptionkit.data.sources.digits import digits
from inceptionkit.data.sources.folder import image_files
from inceptionkit.data.transforms.pipeline import normalize
from inceptionkit.data.types import decode_sample
from inceptionkit.deployment.load import ENGINE_TYPES, load_predictor, own_engine
from inceptionkit.deployment.onnx import Tensors, traced
from inceptionkit.errors import DataError, DeploymentError
from inceptionkit.evaluation.classifier import network_of
from inceptionkit.evaluation.inference import predict_all_exits
from inceptionkit.evaluation.predictor import Predictor
from inceptionkit.machine import cores
from inceptionkit.model import Card, ExportInfo, write_files
from inceptionkit.model.export_info import Precision
from inceptionkit.network import InceptionNet
from inceptionkit.preprocess import Preprocessing, UnusableImage, decode
from inceptionkit.text import printable

_TOLERANCE: Mapping[Precision, float] = MappingProxyType({"fp32": 1e-4, "bf16": 0.1})
"""Largest difference of a probability. What int8 changes is judged by accuracy instead."""

_BLOCK_TOLERANCE: Mapping[Precision, float] = MappingProxyType(
    {"fp32": 1e-4, "bf16": 0.05, "int8": 0.2}
)
"""Largest difference of what a block gives, as a share of its largest value."""

RESIZE_TOLERANCE = 0.1  # largest difference of a probability; levels differ by a few at most
IMAGES = 32  # through both models


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How two models differ on some images.

    Attributes:
        images: how many.
        top1: share of them that both models classify alike.
        difference: largest between two probabilities of the same class.
        worst: name of the image where it is.
    """

    images: int
    top1: float
    difference: float
    worst: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ParityImages:
    """Images through both models.

    Attributes:
        fitted: (images, size, size, 3) uint8.
        names: of the images.
        source: what they are.
        original: gives the image of a number as it was before it was fitted.
    """

    fitted: NDArray[np.uint8]
    names: Sequence[str]
    source: str
    original: Callable[[int], NDArray[np.uint8]]


def parity_images(card: Card, given: str | Path | None) -> ParityImages:
    """Real images, fitted to the network: the user's, or the built-in digits.

    Raises:
        DataError: none of the user's is usable.
    """
    fit, depth = card.preprocessing.fit, card.preprocessing.depth
    if given is None:
        dataset = digits()
        chosen = np.linspace(0, len(dataset.samples) - 1, IMAGES).astype(int).tolist()
        return ParityImages(
            np.stack([fit(decode_sample(dataset, i)) for i in chosen]),
            [dataset.samples.names[i] for i in chosen],
            "the built-in digits",
            lambda number: decode_sample(dataset, chosen[number]),
        )
    if "://" in str(given):
        msg = f"{given}: is an address; download the images, then give their folder"
        raise DataError(msg)
    fitted: dict[Path, NDArray[np.uint8]] = {}
    for file in image_files(Path(given).expanduser())[: 4 * IMAGES]:
        with suppress(UnusableImage):
            fitted[file] = fit(decode(file, depth))
        if len(fitted) == IMAGES:
            break
    if not fitted:
        msg = f"{given}: none of its images is usable; give others to compare on with --images"
        raise DataError(msg)
    files = list(fitted)
    return ParityImages(
        np.stack(list(fitted.values())),
        [printable(str(file)) for file in files],
        str(given),
        lambda number: decode(files[number], depth),
    )


def check_parity(
    card: Card, files: Mapping[str, bytes], tensors: Tensors, images: ParityImages
) -> Agreement:
    """Run both models on the same images, the exported one from files as they will lie there.

    Args:
        card: of the exported model.
        files: of the exported model.
        tensors: of the trained model.
        images: through both.

    Raises:
        DeploymentError: they differ by more than the precision allows; says where it begins.
    """
    exported = cast(ExportInfo, card.exported)
    model = network_of(card, tensors)
    pixels = torch.from_numpy(images.fitted).permute(0, 3, 1, 2)
    trained = predict_all_exits(model, pixels, card.preprocessing, batch=8)
    written = load_files(card, files)
    worst = _worst(trained, _every_stage(written, images.fitted), images.names)
    allowed = _TOLERANCE.get(exported.precision, 1.0)
    if worst.difference > allowed:
        where = _first_difference(model, tensors, card.preprocessing, exported, images.fitted[:8])
        msg = (
            f"the exported model differs from the trained one by {worst.difference:.2g} in a "
            f"probability of {worst.worst}, at most {allowed:g} is allowed; {where}"
        )
        raise DeploymentError(msg)
    return worst


def check_resize(plain: Predictor, resizing: Predictor, images: ParityImages) -> Agreement:
    """Compare a graph's own resize with Pillow's, by what the same network makes of either.

    Args:
        plain: the graphs that take fitted images.
        resizing: the same graphs with the resize before them.
        images: through both.

    Raises:
        UnusableImage: no graph can resize one of them.
        DeploymentError: they differ by more than `RESIZE_TOLERANCE`.
    """
    each = [
        _every_stage(resizing, resizing.prepare(images.original(number))[None])
        for number in range(len(images.names))
    ]
    resized = {name: np.concatenate([one[name] for one in each]) for name in each[0]}
    worst = _worst(_every_stage(plain, images.fitted), resized, images.names)
    if worst.difference > RESIZE_TOLERANCE:
        msg = (
            f"the graph's own resize changes a probability of {worst.worst} by "
            f"{worst.difference:.2g}, at most {RESIZE_TOLERANCE:g} is allowed; "
            "export it without --resize"
        )
        raise DeploymentError(msg)
    return worst


def load_files(card: Card, files: Mapping[str, bytes], threads: int | None = None) -> Predictor:
    """Load an exported model from files as they will lie in its folder."""
    with TemporaryDirectory() as folder:
        place = Path(folder) / "exported"
        write_files(place, card, files)
        return load_predictor(place, threads=threads)


def _every_stage(model: Predictor, fitted: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """Probabilities (batch, classes) that the classifier of each stage gives every image."""
    probabilities: dict[str, NDArray[np.float32]] = {}
    x: NDArray[Any] = fitted
    for name, stage in model.stages(()).items():
        probabilities[name], x = stage(x, 1.0)
    return probabilities


def _worst(
    ours: Mapping[str, NDArray[np.float32]],
    theirs: Mapping[str, NDArray[np.float32]],
    names: Sequence[str],
) -> Agreement:
    """The classifier of `theirs` with the largest difference; (images, classes) each."""

    def agreement(name: str) -> Agreement:
        apart = np.abs(ours[name] - theirs[name]).max(1)
        worst = int(apart.argmax())
        return Agreement(
            images=len(names),
            top1=float((ours[name].argmax(1) == theirs[name].argmax(1)).mean()),
            difference=float(apart[worst]),
            worst=names[worst],
        )

    return max(map(agreement, theirs), key=lambda one: one.difference)


def _first_difference(
    model: InceptionNet,
    tensors: Tensors,
    preprocessing: Preprocessing,
    exported: ExportInfo,
    images: NDArray[np.uint8],
) -> str:
    """Say which block is the first whose output differs, and by how much."""
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
    trained = _block_outputs(model, normalize(pixels, preprocessing.mean, preprocessing.std))
    graph = traced(model.spec, tensors, preprocessing).SerializeToString()
    name = "onnxruntime" if own_engine(exported.kind) == "onnxruntime" else "openvino"
    size, precision = preprocessing.size, exported.precision
    got = ENGINE_TYPES[name](graph, size=size, threads=cores(), precision=precision)(images)
    for block, ours in trained.items():
        largest = float(np.abs(ours).max()) or 1.0
        apart = float(np.abs(got[block].reshape(ours.shape) - ours).max()) / largest
        if apart > _BLOCK_TOLERANCE[precision]:
            return f"the first block that differs is {block}, by {apart:.2g} of its largest value"
    return "no block differs by itself; run it again with other --images and report it"


@torch.inference_mode()
def _block_outputs(model: InceptionNet, images: Tensor) -> dict[str, NDArray[np.float32]]:
    """Address of every block of trunk and head -> what it gives."""
    outputs: dict[str, NDArray[np.float32]] = {}
    x = images
    for name, block in model.trunk.items():
        x = block(x)
        outputs[f"trunk.{name}"] = x.numpy().copy()
    return outputs | {"head": model.head(x).numpy()}
