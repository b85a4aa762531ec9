"""Graphs of ours and of torchvision's networks, in every precision, calibrated on photographs."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import torch
from numpy.typing import NDArray
from peers import torchvision_models
from photographs import photographs
from torch import nn

from inceptionkit.catalog import architecture
from inceptionkit.convert.rename import key_map
from inceptionkit.convert.torchvision import RULES
from inceptionkit.deployment.engines import openvino_model
from inceptionkit.deployment.onnx import checked, library, staged
from inceptionkit.deployment.quantize import quantize
from inceptionkit.network import build
from inceptionkit.preprocess import Preprocessing, decode
from inceptionkit.spec import Net

SETTLING = 32  # photographs that give batch norm its statistics
CALIBRATION = 64  # photographs that set the ranges of int8
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's
DONE = "done"  # a file: all graphs of the folder are there
SAME = 1e-4  # largest difference of a probability between ours and theirs


@dataclass(frozen=True, slots=True)
class Subject:
    """A network of ours beside torchvision's."""

    ours: str
    theirs: str
    same: bool  # whether both compute the same, and so can have the same weights


SUBJECTS = (
    Subject("googlenet:bn", "googlenet", same=False),  # 5x5 where theirs has 3x3
    Subject("googlenet:torchvision", "googlenet", same=True),
    Subject("inception_v3", "inception_v3", same=True),
)


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A network of ours with its weights, torchvision's, and photographs that fit both."""

    net: Net
    tensors: Mapping[str, NDArray[Any]]
    preprocessing: Preprocessing
    theirs: nn.Module
    images: NDArray[np.uint8]  # (photographs, size, size, 3)

    @property
    def normalized(self) -> NDArray[np.float32]:
        """The photographs as torchvision's network reads them: (photographs, 3, size, size)."""
        return self.preprocessing.normalize(self.images)


def torchvision_network(name: str) -> nn.Module:
    """torchvision's, without its auxiliary classifiers, in use."""
    model = getattr(torchvision_models(), name)(weights=None, init_weights=False, aux_logits=False)
    return model.eval()


def model_of(subject: Subject, path: Path) -> Model:
    """Both networks, always with the same first weights; photographs settle their norms."""
    torch.manual_seed(0)
    net = replace(architecture(subject.ours), exits=())
    preprocessing = Preprocessing(size=net.image[1], crop=0.875, mean=MEAN, std=STD)
    raws = photographs(path, CALIBRATION).raws
    images = np.stack([preprocessing.fit(decode(raw)) for raw in raws])
    normalized = preprocessing.normalize(images)
    theirs = settled(torchvision_network(subject.theirs), normalized)
    if subject.same:
        tensors = adopted(net, theirs, subject)
    else:
        tensors = arrays(settled(build(net, seed=0).eval(), normalized))
    return Model(net, tensors, preprocessing, theirs, images)


def graphs_of(subject: Subject, path: Path, place: Path) -> Path:
    """Write every graph of a subject, unless an earlier call did.

    Args:
        subject: what is compared.
        path: the photographs.
        place: where the folder goes.

    Returns:
        The folder: ours-, theirs- and inside-fp32.xml and -int8.xml, where "inside" is theirs with
        its preprocessing; ours.onnx and theirs.onnx; images.npy and normalized.npy.
    """
    folder = place / subject.ours.replace(":", "-")
    if (folder / DONE).exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    model = model_of(subject, path)
    graph = graph_of(model)
    np.save(folder / "images.npy", model.images)
    np.save(folder / "normalized.npy", model.normalized)
    ours = openvino_model(graph.SerializeToString())
    ov.serialize(ours, folder / "ours-fp32.xml")
    ov.serialize(quantize(ours, model.images), folder / "ours-int8.xml")
    library("onnx").save(graph, folder / "ours.onnx")
    write_theirs(model, folder)
    if subject.same:
        compare(folder, model)
    (folder / DONE).touch()
    return folder


def graph_of(model: Model) -> Any:  # noqa: ANN401 - onnx.ModelProto
    """Ours, as ONNX."""
    ((_, graph),) = staged(model.net, model.tensors, model.preprocessing)
    return checked(graph)


@torch.no_grad()
def settled(model: nn.Module, normalized: NDArray[np.float32]) -> nn.Module:
    """Give batch norm the statistics of photographs: else signals vanish, and int8 has no range."""
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = 1.0
    model.train()(torch.from_numpy(normalized[:SETTLING]))
    return model.eval()


def arrays(model: nn.Module) -> dict[str, NDArray[Any]]:
    """Tensors by name."""
    return {k: v.numpy() for k, v in model.state_dict().items() if v.is_floating_point()}


def adopted(net: Net, theirs: nn.Module, subject: Subject) -> dict[str, NDArray[Any]]:
    """Their tensors under our names."""
    state = theirs.state_dict()
    shapes: Mapping[str, tuple[int, ...]] = {k: tuple(v.shape) for k, v in state.items()}
    plan = key_map(net, shapes, RULES["torchvision", subject.ours])
    return {ours: state[name].numpy() for ours, name in plan.items()}


def write_theirs(model: Model, folder: Path) -> None:
    """Export as their users do: OpenVINO's and torch's converters, NNCF, PrePostProcessor."""
    size, x = model.preprocessing.size, model.normalized
    example = torch.zeros(1, 3, size, size)
    with warnings.catch_warnings(action="ignore"), redirect_stdout(sys.stderr):
        plain = ov.convert_model(model.theirs, example_input=example, input=[-1, 3, size, size])
        torch.onnx.export(
            model.theirs,
            (example,),
            folder / "theirs.onnx",
            dynamo=False,
            input_names=["x"],
            dynamic_axes={"x": {0: "batch"}},
        )
    for precision, graph in (("fp32", plain), ("int8", quantize(plain, x))):
        ov.serialize(graph, folder / f"theirs-{precision}.xml")
        ov.serialize(with_preprocessing(graph), folder / f"inside-{precision}.xml")


def with_preprocessing(graph: ov.Model) -> ov.Model:
    """uint8 RGB in, (batch, height, width, 3), by OpenVINO's own means."""
    from openvino.preprocess import PrePostProcessor

    prepared = PrePostProcessor(graph)
    image = prepared.input()
    image.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    image.model().set_layout(ov.Layout("NCHW"))
    steps = image.preprocess().convert_element_type(ov.Type.f32)
    steps.mean([255 * mean for mean in MEAN]).scale([255 * std for std in STD])
    return prepared.build()


def compare(folder: Path, model: Model) -> None:
    """Refuse to time graphs that do not compute the same."""

    def run(name: str, x: NDArray[Any]) -> NDArray[np.float32]:
        compiled = ov.Core().compile_model(
            folder / f"{name}-fp32.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
        )
        return next(iter(compiled(x[:4]).values()))

    wanted = probabilities(run("theirs", model.normalized))
    found = {
        "ours": run("ours", model.images),
        "inside": probabilities(run("inside", model.images)),
    }
    for name, got in found.items():
        if (apart := float(np.abs(got - wanted).max())) > SAME:
            msg = f"{folder.name}: {name} differs from torchvision's graph by {apart:.2g}"
            raise SystemExit(msg)


def probabilities(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Softmax over classes."""
    return torch.from_numpy(scores).softmax(1).numpy()
