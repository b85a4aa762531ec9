"""Signals stay safe once OpenVINO has compiled something."""

import ctypes
import sys
from typing import Any

import pytest

from inceptionkit.deployment.engines import OpenVino, _Stack, openvino_model
from inceptionkit.deployment.onnx import staged


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere OpenVINO sets no such stack")
def test_compiling_leaves_the_stack_for_signals_as_it_was(small: Any) -> None:
    pytest.importorskip("openvino")

    def stack() -> tuple[int | None, int]:
        found = _Stack()
        ctypes.CDLL(None).sigaltstack(None, ctypes.byref(found))
        return found.start, found.size

    before = stack()
    ((_, graph),) = staged(small.card.architecture, small.tensors, small.card.preprocessing)
    OpenVino(openvino_model(graph.SerializeToString()), size=16, threads=1)(small.pictures(3))

    assert stack() == before
