"""An exported model as model servers take it: a numbered version, and what the server is told.

Sources:
    OpenVINO Model Server, "Preparing a Model Repository" and "Parameters"; its JSON schema of the
    configuration, `src/schema.cpp`. Triton, "Model Repository" and "Model Configuration"; its
    `model_config.proto`.
"""

from __future__ import annotations

import json

from inceptionkit.deployment.engines import PRECISION_HINTS
from inceptionkit.deployment.onnx import IMAGE, PROBABILITIES
from inceptionkit.model import Card
from inceptionkit.model.export_info import Precision, Server
from inceptionkit.text import printable

LABELS = "labels.txt"
_MOST_TOGETHER = 32  # images that Triton may put into one batch; beyond it little is gained


def server_files(server: Server, name: str, card: Card, precision: Precision) -> dict[str, bytes]:
    """What a server reads beside the graph: name of a file -> content.

    Args:
        server: which one.
        name: under which it offers the model; that of the model's folder.
        card: what the model is.
        precision: of its arithmetic.
    """
    if server == "ovms":
        return {"config.json": ovms_settings(name, precision).encode()}
    labels = "".join(f"{printable(label)}\n" for label in card.classes)
    return {
        "config.pbtxt": triton_settings(name, len(card.classes)).encode(),
        LABELS: labels.encode(),
    }


def ovms_settings(name: str, precision: Precision) -> str:
    """`config.json` of OpenVINO Model Server, to lie in the model's own folder.

    The arithmetic is named because OpenVINO would choose bf16 by itself where the processor has it.
    """
    plugin = {"INFERENCE_PRECISION_HINT": PRECISION_HINTS[precision], "PERFORMANCE_HINT": "LATENCY"}
    model = {"name": name, "base_path": ".", "plugin_config": plugin}
    return json.dumps({"model_config_list": [{"config": model}]}, indent=1) + "\n"


def triton_settings(name: str, classes: int) -> str:
    """`config.pbtxt` of Triton, for its ONNX Runtime.

    Images of any size are taken; those of one size that come together become one batch.
    """
    return f"""\
name: {json.dumps(name, ensure_ascii=False)}
backend: "onnxruntime"
max_batch_size: {_MOST_TOGETHER}
input [
  {{ name: "{IMAGE}" data_type: TYPE_UINT8 dims: [ -1, -1, 3 ] }}
]
output [
  {{
    name: "{PROBABILITIES}"
    data_type: TYPE_FP32
    dims: [ {classes} ]
    label_filename: "{LABELS}"
  }}
]
dynamic_batching {{ }}
"""
