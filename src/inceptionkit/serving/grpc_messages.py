"""The messages of the Open Inference Protocol over gRPC, as a table: no generated code.

Sources:
    github.com/kserve/open-inference-protocol, specification/protocol/open_inference_grpc.proto:
    the names, numbers and types of the fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE, SERVICE = "inference", "GRPCInferenceService"
METHODS = (
    "ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer",
)  # fmt: skip

_PARAMETERS = "map InferParameter"
_MODEL = ("1 string name", "2 string version")
_TENSOR = (
    "1 string name", "2 string datatype", "3 repeated int64 shape",
    f"4 {_PARAMETERS} parameters", "5 InferTensorContents contents",
)  # fmt: skip
_MESSAGES: Mapping[str, tuple[str, ...]] = {
    "InferParameter": (
        "1 oneof bool bool_param",
        "2 oneof int64 int64_param",
        "3 oneof string string_param",
        "4 oneof double double_param",
        "5 oneof uint64 uint64_param",
    ),
    "InferTensorContents": (
        "1 repeated bool bool_contents",
        "2 repeated int32 int_contents",
        "3 repeated int64 int64_contents",
        "4 repeated uint32 uint_contents",
        "5 repeated uint64 uint64_contents",
        "6 repeated float fp32_contents",
        "7 repeated double fp64_contents",
        "8 repeated bytes bytes_contents",
    ),
    "ServerLiveRequest": (),
    "ServerLiveResponse": ("1 bool live",),
    "ServerReadyRequest": (),
    "ServerReadyResponse": ("1 bool ready",),
    "ModelReadyRequest": _MODEL,
    "ModelReadyResponse": ("1 bool ready",),
    "ServerMetadataRequest": (),
    "ServerMetadataResponse": (
        "1 string name",
        "2 string version",
        "3 repeated string extensions",
    ),
    "ModelMetadataRequest": _MODEL,
    "ModelMetadataResponse": (
        "1 string name",
        "2 repeated string versions",
        "3 string platform",
        "4 repeated ModelMetadataResponse.TensorMetadata inputs",
        "5 repeated ModelMetadataResponse.TensorMetadata outputs",
    ),
    "ModelMetadataResponse.TensorMetadata": (
        "1 string name",
        "2 string datatype",
        "3 repeated int64 shape",
    ),
    "ModelInferRequest": (
        "1 string model_name",
        "2 string model_version",
        "3 string id",
        f"4 {_PARAMETERS} parameters",
        "5 repeated ModelInferRequest.InferInputTensor inputs",
        "6 repeated ModelInferRequest.InferRequestedOutputTensor outputs",
        "7 repeated bytes raw_input_contents",
    ),
    "ModelInferRequest.InferInputTensor": _TENSOR,
    "ModelInferRequest.InferRequestedOutputTensor": (
        "1 string name",
        f"2 {_PARAMETERS} parameters",
    ),
    "ModelInferResponse": (
        "1 string model_name",
        "2 string model_version",
        "3 string id",
        f"4 {_PARAMETERS} parameters",
        "5 repeated ModelInferResponse.InferOutputTensor outputs",
        "6 repeated bytes raw_output_contents",
    ),
    "ModelInferResponse.InferOutputTensor": _TENSOR,
}  # message -> its fields: number, "repeated", "map" or "oneof", type, name

_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    kind: getattr(_Field, f"TYPE_{kind.upper()}")
    for kind in ("bool", "int32", "int64", "uint32", "uint64", "float", "double", "string", "bytes")
}


def _add_field(message: descriptor_pb2.DescriptorProto, place: str, line: str) -> None:
    """Add the field that a line of the table describes."""
    number, *how, kind, name = line.split()
    field = message.field.add(name=name, number=int(number), label=_Field.LABEL_OPTIONAL)
    if how == ["map"]:  # of text to `kind`: a repeated message of key and value
        entry = message.nested_type.add(name=f"{name.title()}Entry")
        entry.options.map_entry = True
        _add_field(entry, f"{place}.{entry.name}", "1 string key")
        _add_field(entry, f"{place}.{entry.name}", f"2 {kind} value")
        kind, how = f"{place}.{entry.name}", ["repeated"]
    if how == ["repeated"]:
        field.label = _Field.LABEL_REPEATED
    if how == ["oneof"]:
        field.oneof_index = 0
        if not message.oneof_decl:
            message.oneof_decl.add(name="parameter_choice")
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".{PACKAGE}.{kind}"


def _message_types() -> dict[str, Any]:
    """Message -> its class. The pool is our own: other programs register the same names."""
    file = descriptor_pb2.FileDescriptorProto(
        name="open_inference.proto", package=PACKAGE, syntax="proto3"
    )
    made: dict[str, descriptor_pb2.DescriptorProto] = {}
    for place, lines in _MESSAGES.items():
        outer, _, name = place.rpartition(".")
        made[place] = (
            made[outer].nested_type.add(name=name) if outer else file.message_type.add(name=name)
        )
        for line in lines:
            _add_field(made[place], place, line)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = (pool.FindMessageTypeByName(f"{PACKAGE}.{name}") for name in _MESSAGES)
    return {
        name: message_factory.GetMessageClass(one)
        for name, one in zip(_MESSAGES, found, strict=True)
    }


MESSAGES = _message_types()
