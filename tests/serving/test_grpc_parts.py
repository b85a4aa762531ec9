"""Messages of many parts, or of long lists, are refused before they are read."""

import random
from typing import Any

import pytest

from inceptionkit.serving.limits import Limits
from inceptionkit.serving.problems import Problem

pytest.importorskip("grpc", reason="grpcio is not installed")
parts = pytest.importorskip("inceptionkit.serving.grpc_parts")
MESSAGES = pytest.importorskip("inceptionkit.serving.grpc_messages").MESSAGES
KIND = MESSAGES["ModelInferRequest"].DESCRIPTOR
LIMITS = Limits(images=2, values=10)
MANY = 1_003  # one more than two images and a thousand others


def refuse(body: bytes) -> None:
    parts.refuse_many(body, KIND, LIMITS)


def asked() -> Any:
    """A request as clients send it, with every kind of field."""
    made = MESSAGES["ModelInferRequest"](model_name="tiny", id="a")
    made.parameters["effort"].string_param = "fast"
    made.parameters["time_limit_ms"].double_param = 9.0
    one = made.inputs.add(name="image", datatype="UINT8", shape=(1, 1, 1, 3))
    one.contents.uint_contents.extend((1, 200, 3))
    one.contents.fp32_contents.append(1.0)
    made.outputs.add(name="label").parameters["binary_data"].bool_param = True
    made.raw_input_contents.append(bytes(300))
    return made


def test_what_clients_send_is_let_through() -> None:
    refuse(asked().SerializeToString())
    refuse(b"")


@pytest.mark.parametrize("field", ["inputs", "outputs", "raw_input_contents", "inside", "unknown"])
def test_a_message_of_many_empty_parts_is_refused(field: str) -> None:
    made = asked()
    match field:
        case "inside":
            made.inputs[0].contents.bytes_contents.extend(MANY * [b""])
        case "raw_input_contents":
            made.raw_input_contents.extend(MANY * [b""])
        case "inputs" | "outputs":
            for _ in range(MANY):
                getattr(made, field).add()
    unknown = MANY * b"\x78\x00" if field == "unknown" else b""

    with pytest.raises(Problem, match="a message has at most 1,002 parts; send several"):
        refuse(made.SerializeToString() + unknown)


def test_a_long_list_of_numbers_is_refused() -> None:
    made = asked()
    for _ in range(2):  # such lists add up
        made.inputs[0].contents.int64_contents.extend(9 * [1])

    with pytest.raises(Problem, match="contents may list 10 values; send raw_input_contents"):
        refuse(made.SerializeToString())


def test_what_is_no_message_ends_in_an_error_that_is_expected() -> None:
    whole, chance = asked().SerializeToString(), random.Random(0)  # noqa: S311 - no secret
    bodies = [b"\xff" * 2**20, b"\x2a\xff\xff\xff\xff\x7f", b"\x0f", b"\x0b\x0c"]
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(4):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        bodies.append(bytes(damaged[: chance.randrange(1, len(damaged))]))
    for body in bodies:
        try:
            refuse(body)
        except (Problem, ValueError, LookupError):
            continue
