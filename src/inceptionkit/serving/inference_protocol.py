"""The Open Inference Protocol, version 2, over REST: health, metadata, and inference.

Sources:
    Open Inference Protocol, github.com/kserve/open-inference-protocol; binary tensors:
    Triton's extension "binary data".
"""

from __future__ import annotations

import importlib.metadata
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from numpy.typing import NDArray

from inceptionkit.preprocess import UnusableImage
from inceptionkit.serving.answering import Answering, chosen
from inceptionkit.serving.batching import Answers
from inceptionkit.serving.limits import Limits
from inceptionkit.serving.models import Models, Served
from inceptionkit.serving.problems import refuse, refuse_image
from inceptionkit.serving.requests import (
    NAME,
    aside,
    decoded,
    json_object,
    parse_asked,
    refuse_more,
)
from inceptionkit.serving.schemas import INFER_REQUEST, LENGTH

PIXELS, ENCODED = "image", "encoded"  # the two inputs: of a request one is given
PROBABILITIES, LABEL, EXIT = "probabilities", "label", "exit"
OUTPUTS = {PROBABILITIES: "FP32", LABEL: "BYTES", EXIT: "BYTES"}


@dataclass(frozen=True, slots=True)
class Inference:
    """A request, whichever transport brought it.

    Attributes:
        images: RGB pixels (height, width, 3), or encoded.
        outputs: that are wanted; all if there are none.
        parameters: as `/v1/predict` takes them.
    """

    images: Sequence[NDArray[np.uint8] | bytes]
    outputs: tuple[str, ...] = ()
    parameters: Mapping[str, Any] | None = None


async def infer(
    answering: Answering, served: Served, inference: Inference, arrived: float
) -> dict[str, NDArray[Any]]:
    """The tensors that are wanted, by name.

    Args:
        answering: what runs the model.
        served: the model.
        inference: the request.
        arrived: when the request did, by `perf_counter`.

    Raises:
        Problem: an unknown output or parameter, an unusable image, or a full queue.
    """
    for name in inference.outputs:
        if name not in OUTPUTS:
            refuse(f"there is no output {name[:40]!r}; there are {', '.join(OUTPUTS)}")
    asked = parse_asked(inference.parameters or {})
    with answering.room(served.name, len(inference.images)):
        found = await answering.run(served, inference.images, chosen(served, asked, arrived))
    answers: list[Answers] = []
    for number, one in enumerate(found):
        if isinstance(one, UnusableImage):
            refuse_image(f"image {number} cannot be used: {one.reason}")
        answers.append(one)
    rows = np.stack([one[-1].probabilities for one in answers]).astype(np.float32)
    labels = [served.card.classes[row.argmax()].encode() for row in rows]
    exits = [one[-1].exit.encode() for one in answers]
    every: dict[str, NDArray[Any]] = {
        PROBABILITIES: rows,
        LABEL: np.array(labels, object),
        EXIT: np.array(exits, object),
    }
    return {name: every[name] for name in inference.outputs or OUTPUTS}


def find(models: Models, name: str, version: str | None) -> Served:
    """The model that a request names.

    Args:
        models: that are served.
        name: as it was sent, of any length.
        version: the same; None or empty for the newest.

    Raises:
        Problem: there is none.
    """
    return models.find(name[:NAME], version[:NAME] if version else None)


def server_metadata() -> dict[str, Any]:
    """The name and version of the server."""
    version = importlib.metadata.version("inceptionkit")
    return {"name": "inceptionkit", "version": version, "extensions": ["binary_tensor_data"]}


def metadata(models: Models, served: Served) -> dict[str, Any]:
    """What a model takes and gives."""
    return {
        "name": served.name,
        "versions": list(models.versions(served.name)),
        "platform": "inceptionkit",
        "inputs": [
            {"name": PIXELS, "datatype": "UINT8", "shape": [-1, -1, -1, 3]},
            {"name": ENCODED, "datatype": "BYTES", "shape": [-1]},
        ],
        "outputs": [
            {
                "name": name,
                "datatype": kind,
                "shape": [-1, len(served.card.classes)] if name == PROBABILITIES else [-1],
            }
            for name, kind in OUTPUTS.items()
        ],
    }


def router(models: Models, answering: Answering) -> APIRouter:
    """The addresses below /v2."""
    made = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])

    @made.get("", summary="The server")
    def server() -> dict[str, Any]:
        return server_metadata()

    @made.get("/health/live", summary="Whether the server runs")
    def live() -> dict[str, bool]:
        return {"live": True}

    @made.get(
        "/health/ready",
        summary="Whether every model answers, and what is wrong with a folder",
        responses={503: {"description": "A model does not answer."}},
    )
    def ready() -> JSONResponse:
        wrong = {name: why for name, why in models.ready().items() if why}
        served = models.answer()
        return JSONResponse({"ready": served, "problems": wrong}, 200 if served else 503)

    @made.get("/models/{name}/ready", summary="Whether a model answers")
    @made.get("/models/{name}/versions/{version}/ready", include_in_schema=False)
    def model_ready(name: str, version: str | None = None) -> dict[str, Any]:
        served = find(models, name, version)
        return {"name": served.name, "ready": True}

    @made.get("/models/{name}", summary="What a model takes and gives")
    @made.get("/models/{name}/versions/{version}", include_in_schema=False)
    def model(name: str, version: str | None = None) -> dict[str, Any]:
        return metadata(models, find(models, name, version))

    @made.post(
        "/models/{name}/infer",
        summary="Infer",
        openapi_extra=INFER_REQUEST,
        responses={200: {"content": {"application/json": {}, "application/octet-stream": {}}}},
    )
    @made.post("/models/{name}/versions/{version}/infer", include_in_schema=False)
    async def model_infer(request: Request, name: str, version: str | None = None) -> Response:
        served = find(models, name, version)
        body, length = await request.body(), request.headers.get(LENGTH)
        asked = await aside(len(body), _read, body, length, answering.limits)
        tensors = await infer(answering, served, asked.inference, request.state.arrived)
        request.state.noted = {"model": served.name, "images": len(asked.inference.images)}
        head = {"model_name": served.name, "model_version": served.version}
        return _written({**head, **asked.id}, tensors, asked.binary)

    return made


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request over REST.

    Attributes:
        inference: what is asked.
        binary: of each output, whether it is wanted as bytes.
        id: that its sender gave it, if any.
    """

    inference: Inference
    binary: Mapping[str, bool]
    id: Mapping[str, str]


def _parts(body: bytes, length: str | None, limits: Limits) -> tuple[dict[str, Any], bytes]:
    """The JSON of a request, and the binary tensors behind it."""
    end = len(body)
    if length is not None:
        if not length.isdecimal() or len(length) > 18 or int(length) > len(body):
            refuse(f"the header {LENGTH} does not fit the body")
        end = int(length)
    return json_object(body[:end], limits, '{"inputs": [...]}'), body[end:]


def _read(body: bytes, length: str | None, limits: Limits) -> _Asked:
    """The request, from its body and the header that says where the JSON ends."""
    header, binary = _parts(body, length, limits)
    inputs, outputs = header.get("inputs"), header.get("outputs") or []
    parameters = header.get("parameters") or {}
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        refuse(f"inputs must be a list of one tensor, {PIXELS} or {ENCODED}")
    if not isinstance(outputs, list) or not all(isinstance(one, dict) for one in outputs):
        msg = "outputs must be a list of objects"
        refuse(msg)
    if not isinstance(parameters, dict):
        msg = "parameters must be an object"
        refuse(msg)
    whole = parameters.pop("binary_data_output", False) is True
    wants = {}
    for one in outputs:
        own = one.get("parameters")
        wants[str(one.get("name"))] = isinstance(own, dict) and own.get("binary_data") is True
    tensor = inputs[0]
    own = tensor.get("parameters")
    size = own.get("binary_data_size") if isinstance(own, dict) else None
    if size is not None and (not isinstance(size, int) or size != len(binary)):
        msg = f"binary_data_size must be {len(binary)}, the bytes behind the JSON, "
        refuse(msg + f"got {str(size)[:40]}")
    shape = read_shape(tensor.get("shape"))
    data = tensor.get("data") if size is None else binary
    images = read_tensor(str(tensor.get("name")), tensor.get("datatype"), shape, data, limits)
    names = wants or dict.fromkeys(OUTPUTS, whole)
    return _Asked(
        Inference(images, tuple(wants), parameters),
        {name: wanted or whole for name, wanted in names.items()},
        {"id": header["id"]} if isinstance(header.get("id"), str) else {},
    )


def read_shape(given: object) -> list[int]:
    """The shape of a tensor, which is small enough to be multiplied.

    Args:
        given: as it was sent, of any length.

    Raises:
        Problem: it is none.
    """
    if (
        not isinstance(given, Sequence)
        or not 1 <= len(given) <= 4
        or not all(type(n) is int and 0 < n < 2**31 for n in given)
    ):
        refuse("shape must be a list of 1 to 4 whole numbers above 0")
    return list(given)


def read_tensor(
    name: str, kind: object, shape: Sequence[int], data: object, limits: Limits
) -> Sequence[NDArray[np.uint8] | bytes]:
    """The images of an input tensor.

    Args:
        name: of the input.
        kind: its datatype.
        shape: of the tensor.
        data: a list, nested or flat, or bytes.
        limits: of images.

    Raises:
        Problem: it is no input of a model, or its parts do not fit together, or there are too many.
    """
    match name, kind:
        case "image", "UINT8":
            refuse_more(shape[0], limits)
            return list(_pixels(shape, data))
        case "encoded", "BYTES":
            refuse_more(math.prod(shape), limits)
            return _encoded(shape, data)
        case _:
            given = f"{name[:40]!r} ({str(kind)[:10]!r})"
            return refuse(f"inputs are {PIXELS} (UINT8) and {ENCODED} (BYTES), got {given}")


def _pixels(shape: Sequence[int], data: object) -> NDArray[np.uint8]:
    if len(shape) != 4 or shape[3] != 3:
        refuse(f"{PIXELS} has the shape [images, height, width, 3], got {list(shape)}")
    if isinstance(data, bytes):
        flat = np.frombuffer(data, np.uint8)
    else:
        try:
            wide = np.asarray(data, np.float64).ravel()
        except (TypeError, ValueError, OverflowError):
            msg = "data must be a list of numbers"
            refuse(msg)
        if not ((wide >= 0) & (wide <= 255) & (wide == np.floor(wide))).all():
            msg = "pixels are whole numbers from 0 to 255"
            refuse(msg)
        flat = wide.astype(np.uint8)
    if flat.size != math.prod(shape):
        refuse(f"shape {list(shape)} needs {math.prod(shape)} values, got {flat.size}")
    return flat.reshape(shape)


def _encoded(shape: Sequence[int], data: object) -> list[bytes]:
    """Encoded images: bytes, each behind its length, or text in base64 in JSON."""
    count = math.prod(shape)
    if isinstance(data, bytes):
        return _behind_lengths(data, count)
    every = data if isinstance(data, list) else []
    if len(every) != count:
        refuse(f"shape {list(shape)} needs {count} values, got {len(every)}")
    return [one if isinstance(one, bytes) else decoded(one) for one in every]


def _behind_lengths(data: bytes, count: int) -> list[bytes]:
    """So many texts, each behind its length."""
    found, at = [], 0
    for _ in range(count):
        start = at + 4
        at = start + int.from_bytes(data[at:start], "little")
        found.append(data[start:at])
    if at != len(data):
        msg = f"the lengths of the binary tensor do not fit its bytes and the shape of {count}"
        refuse(msg)
    return found


def bytes_of(tensor: NDArray[Any]) -> bytes:
    """A tensor as binary data: little-endian; each text behind its length."""
    if tensor.dtype == object:
        return b"".join(len(one).to_bytes(4, "little") + one for one in tensor.tolist())
    return np.ascontiguousarray(tensor, tensor.dtype.newbyteorder("<")).tobytes()


def _written(
    head: dict[str, Any], tensors: Mapping[str, NDArray[Any]], binary: Mapping[str, bool]
) -> Response:
    """An answer, with the tensors that are wanted so behind its JSON."""
    outputs, behind = [], []
    for name, tensor in tensors.items():
        one: dict[str, Any] = {
            "name": name, "datatype": OUTPUTS[name], "shape": list(tensor.shape),
        }  # fmt: skip
        if binary.get(name):
            behind.append(bytes_of(tensor))
            one["parameters"] = {"binary_data_size": len(behind[-1])}
        elif tensor.dtype == object:
            one["data"] = [text.decode() for text in tensor.tolist()]
        else:
            one["data"] = tensor.ravel().tolist()
        outputs.append(one)
    text = json.dumps(head | {"outputs": outputs}, allow_nan=False).encode()
    if not behind:
        return Response(text, media_type="application/json")
    return Response(
        b"".join([text, *behind]),
        media_type="application/octet-stream",
        headers={LENGTH: str(len(text))},
    )
