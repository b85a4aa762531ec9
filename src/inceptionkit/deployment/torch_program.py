"""A network as a torch program: the file that `torch.export.load` reads."""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import Any
from zipfile import is_zipfile

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.export import Dim

from inceptionkit.deployment.engines import Results
from inceptionkit.deployment.onnx import IMAGE, PROBABILITIES
from inceptionkit.network import InceptionNet
from inceptionkit.preprocess import Preprocessing


class FromPixels(nn.Module):
    """Preprocessing after its resize, the network, and softmax."""

    def __init__(self, model: InceptionNet, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.model = model
        self.size = preprocessing.size
        scale, shift = torch.tensor(preprocessing.affine).view(2, 1, 3, 1, 1)
        self.scale, self.shift = nn.Buffer(scale.clone()), nn.Buffer(shift.clone())

    def forward(self, image: Tensor) -> Tensor:
        """(batch, height, width, 3) uint8 of at least the network's size -> (batch, classes)."""
        middle = image
        for axis in (1, 2):
            first = (image.shape[axis] - self.size) // 2
            middle = middle.index_select(axis, torch.arange(self.size) + first)
        pixels = middle.permute(0, 3, 1, 2).float()
        return torch.softmax(self.model(pixels * self.scale + self.shift).main, 1)


def torch_file(model: InceptionNet, preprocessing: Preprocessing) -> bytes:
    """Export a network for any batch, and for images of any size not below its own."""
    size = preprocessing.size
    example = torch.zeros(2, size + 2, size + 3, 3, dtype=torch.uint8)
    sides = {1: Dim("height", min=size), 2: Dim("width", min=size)}
    program = torch.export.export(
        FromPixels(model, preprocessing).eval(),
        (example,),
        dynamic_shapes={IMAGE: {0: Dim("batch", min=1), **sides}},
    )
    file = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of weights that share memory on a GPU
        torch.export.save(program, file)
    return file.getvalue()


class Program:
    """A torch program as an engine."""

    def __init__(self, file: bytes) -> None:
        """Read a program.

        Raises:
            RuntimeError: the file is none.
        """
        if not is_zipfile(BytesIO(file)):  # torch would write a traceback of its own
            msg = "it is no zip file"
            raise RuntimeError(msg)
        self.program = torch.export.load(BytesIO(file)).module()

    @torch.inference_mode()
    def __call__(self, x: NDArray[Any]) -> Results:
        """Run."""
        return {PROBABILITIES: self.program(torch.from_numpy(x)).numpy()}
