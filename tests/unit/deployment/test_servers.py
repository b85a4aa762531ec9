"""What model servers read, parsed as they parse it.

The fields of Triton's `config.pbtxt` are those of its `model_config.proto`, by name, number and
type; those of OpenVINO Model Server's `config.json` are from the schema in its `src/schema.cpp`.
"""

import json
from typing import Any

import pytest

from inceptionkit.deployment.servers import ovms_settings, server_files, triton_settings
from inceptionkit.model import Card

NAMES = ["flowers", "two words", 'a "quoted" name', "back\\slash", "blumen-ä", "新"]
OVMS_KEYS = {
    "name", "base_path", "batch_size", "model_version_policy", "shape", "layout", "nireq",
    "target_device", "plugin_config", "stateful", "idle_sequence_cleanup",
    "low_latency_transformation", "max_sequence_number", "custom_loader_options",
}  # fmt: skip
ONE, MANY = 1, 3  # labels of fields
MESSAGES: dict[str, list[tuple[str, int, int, str]]] = {
    "ModelInput": [
        ("name", 1, ONE, "string"),
        ("data_type", 2, ONE, ".inference.DataType"),
        ("format", 3, ONE, "int32"),
        ("dims", 4, MANY, "int64"),
    ],
    "ModelOutput": [
        ("name", 1, ONE, "string"),
        ("data_type", 2, ONE, ".inference.DataType"),
        ("dims", 3, MANY, "int64"),
        ("label_filename", 4, ONE, "string"),
    ],
    "ModelDynamicBatching": [
        ("preferred_batch_size", 1, MANY, "int32"),
        ("max_queue_delay_microseconds", 2, ONE, "uint64"),
    ],
    "ModelConfig": [
        ("name", 1, ONE, "string"),
        ("platform", 2, ONE, "string"),
        ("backend", 17, ONE, "string"),
        ("max_batch_size", 4, ONE, "int32"),
        ("input", 5, MANY, ".inference.ModelInput"),
        ("output", 6, MANY, ".inference.ModelOutput"),
        ("dynamic_batching", 11, ONE, ".inference.ModelDynamicBatching"),
    ],
}
TYPES = {"TYPE_INVALID": 0, "TYPE_UINT8": 2, "TYPE_FP32": 11}
SCALARS = {"string": 9, "int32": 5, "int64": 3, "uint64": 4}
ENUM, MESSAGE = 14, 11


@pytest.fixture(scope="module")
def model_config() -> Any:
    """Triton's message `ModelConfig`, as far as it is used."""
    pool = pytest.importorskip("google.protobuf.descriptor_pool").DescriptorPool()
    from google.protobuf import descriptor_pb2, message_factory

    file = descriptor_pb2.FileDescriptorProto(
        name="model_config.proto", package="inference", syntax="proto3"
    )
    kinds = file.enum_type.add(name="DataType")
    for name, number in TYPES.items():
        kinds.value.add(name=name, number=number)
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, label, kind in fields:
            at = message.field.add(name=field, number=number, label=label)
            at.type = SCALARS.get(kind, ENUM if kind.endswith("DataType") else MESSAGE)
            if kind not in SCALARS:
                at.type_name = kind
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("inference.ModelConfig"))


@pytest.mark.parametrize("name", NAMES)
def test_triton_reads_names_types_and_shapes(model_config: Any, name: str) -> None:
    from google.protobuf import text_format

    config = text_format.Parse(triton_settings(name, 7), model_config())

    assert (config.name, config.backend) == (name, "onnxruntime")
    (image,), (answer,) = config.input, config.output
    assert (image.name, image.data_type) == ("image", TYPES["TYPE_UINT8"])
    assert (answer.name, answer.data_type) == ("probabilities", TYPES["TYPE_FP32"])
    assert list(image.dims) == [-1, -1, 3]
    assert list(answer.dims) == [7]


def test_triton_may_put_images_that_come_together_into_one_batch(model_config: Any) -> None:
    from google.protobuf import text_format

    config = text_format.Parse(triton_settings("flowers", 7), model_config())

    assert config.max_batch_size > 1
    assert config.HasField("dynamic_batching")


def test_triton_has_a_line_for_every_label(small: Any) -> None:
    from dataclasses import replace

    card: Card = small.card
    labels = ("rose", "two\nlines", "ä", *card.classes[3:])
    files = server_files("triton", "flowers", replace(card, classes=labels), "fp32")

    lines = files["labels.txt"].decode().splitlines()
    assert len(lines) == len(card.classes)
    assert lines[:3] == ["rose", "two\\x0alines", "ä"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("precision", "hint"), [("fp32", "f32"), ("bf16", "bf16"), ("int8", "bf16")]
)
def test_openvino_model_server_reads_name_place_and_arithmetic(
    name: str, precision: Any, hint: str
) -> None:
    config = json.loads(ovms_settings(name, precision))

    assert config.keys() == {"model_config_list"}
    ((only,),) = [[one["config"] for one in config["model_config_list"]]]
    assert only.keys() <= OVMS_KEYS
    assert (only["name"], only["base_path"]) == (name, ".")
    assert only["plugin_config"]["INFERENCE_PRECISION_HINT"] == hint


def test_openvino_takes_what_the_server_is_told_to_give_it(small: Any) -> None:
    ov = pytest.importorskip("openvino")
    from inceptionkit.deployment.engines import openvino_model
    from inceptionkit.deployment.onnx import staged

    config = json.loads(ovms_settings("flowers", "fp32"))
    plugin = config["model_config_list"][0]["config"]["plugin_config"]
    ((_, graph),) = staged(small.card.architecture, small.tensors, small.card.preprocessing)

    compiled = ov.Core().compile_model(openvino_model(graph.SerializeToString()), "CPU", plugin)

    assert str(compiled.get_property("PERFORMANCE_HINT")).endswith("LATENCY")
